"""Opens a chosen model."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from journeyman.core.errors import UsageError
from journeyman.models.choice import VENDORS, ModelChoice, check, is_openai, profile_of
from journeyman.models.prices import CostOf, Prices, free, published
from journeyman.models.protocol import Model


@asynccontextmanager
async def open_model(
    choice: ModelChoice,
    *,
    env: Mapping[str, str],
    cache: Path | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> AsyncGenerator[Model]:
    """The model of `choice`, as long as the context lasts.

    `env` holds the keys that `choice` names. In `cache` the embedded model's file is kept and its server found, so that
    all of a machine's processes share them; `on_progress` is told what it does before it can answer. A `UsageError`
    says what is wrong with the choice, before anything is sent.
    """
    choice = check(choice)
    if choice.wire == "local":
        from journeyman.models.local import open_local

        if cache is None:
            raise UsageError("The embedded model needs a folder to be kept in.")
        tell = on_progress or _silent
        async with open_local(
            cache,
            cache,
            file=Path(choice.model).expanduser() if choice.model not in ("", "local") else None,
            env=env,
            on_progress=lambda step: tell(step.line),
            profile=profile_of(choice),
        ) as model:
            yield model
    elif choice.wire == "scripted":
        from journeyman.models.scripted import Scripted

        yield Scripted(Path(choice.model), profile_of(choice))
    elif choice.wire in ("responses", "chat"):
        async with _open_wire(choice, _key(choice, env)) as model:
            yield _with_tools(model)
    else:
        from journeyman.models.other import open_other

        prices = Prices.of(profile_of(choice), _look_up(choice))
        async with open_other(choice, profile_of(choice), _key(choice, env), prices) as model:
            yield _with_tools(model)


def require(choice: ModelChoice, env: Mapping[str, str]) -> None:
    """Raise the `UsageError` that opening `choice` would for a missing key, name or file, before anything is begun."""
    check(choice)
    if choice.wire == "scripted":
        from journeyman.models.script import load_script

        load_script(Path(choice.model))
    elif choice.wire != "local":
        _key(choice, env)


def _silent(text: str) -> None:
    """For those who do not want to know."""


@asynccontextmanager
async def _open_wire(choice: ModelChoice, key: str) -> AsyncGenerator[Model]:
    from journeyman.models.wire.chat import ChatWire, Dialect
    from journeyman.models.wire.failures import Peer
    from journeyman.models.wire.http import Endpoint, open_http
    from journeyman.models.wire.responses import ResponsesWire

    base_url = choice.base_url or ""
    profile = profile_of(choice)
    peer = Peer(choice.model, without_secrets(base_url), choice.api_key_env, key)
    if choice.wire == "responses":
        wire = ResponsesWire(choice.model, profile, peer)
    else:
        openai = is_openai(base_url)
        dialect = Dialect(
            openai=openai,
            developer_role=choice.developer_role or ("developer" if openai else "system"),
            send_reasoning=bool(choice.send_reasoning),
        )
        wire = ChatWire(choice.model, profile, peer, dialect)
    endpoint = Endpoint(base_url, key, choice.api_key_env, choice.headers, choice.idle)
    prices = Prices(free) if choice.vendor == "ollama" else Prices.of(profile, _look_up(choice))
    async with open_http(endpoint, profile, wire, prices=prices) as model:
        yield model


def without_secrets(base_url: str) -> str:
    """`base_url` as it may be shown: without a user, a password or a query."""
    scheme, separator, rest = base_url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path.partition('?')[0]}".rstrip("/")


def _with_tools(model: Model) -> Model:
    """`model`, or around it what makes tool calls out of text where it has no calls of its own."""
    if model.profile.tool_style == "native":
        return model
    from journeyman.models.json_tools import JsonTools

    return JsonTools(model)


def _key(choice: ModelChoice, env: Mapping[str, str]) -> str:
    if choice.api_key_env is None:
        return ""
    key = env.get(choice.api_key_env, "").strip()
    if not key:
        raise UsageError(f"Model {choice.name} needs a key in {choice.api_key_env}, which is not set.")
    return key


def price_of(choice: ModelChoice) -> CostOf | None:
    """The published price of a model, None where it is not known. Takes its time: to be called in a thread."""
    if choice.vendor == "ollama":
        return free
    look_up = _look_up(choice)
    return look_up() if look_up is not None else None


def _look_up(choice: ModelChoice) -> Callable[[], CostOf | None] | None:
    """How the price of `choice` is found; None for servers that no price list knows."""
    vendor = VENDORS[choice.vendor].prices if choice.vendor else None
    if vendor is None and choice.wire in VENDORS:
        vendor = VENDORS[choice.wire].prices
    if vendor is not None:
        return partial(published, choice.model, vendor=vendor)
    if choice.base_url and choice.base_url.startswith("https://"):
        return partial(published, choice.model, base_url=choice.base_url)
    return None
