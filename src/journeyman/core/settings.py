"""Settings, merged from layers and checked: a misspelt key is an error that names the nearest right one.

From the weakest to the strongest: the person's `config.toml`, the repository's `.journeyman/config.toml`, variables
(`JOURNEYMAN_MODEL`, `JOURNEYMAN_LIMITS__STEPS`: two underscores nest), flags. The repository is not trusted: it may set
only what sends nothing anywhere and grants nothing.
"""

import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from pydantic import BaseModel, Field, ValidationError
from pydantic.fields import FieldInfo

from journeyman.core.errors import UsageError
from journeyman.core.keys import Path, check_keys, refused
from journeyman.core.task import Limits
from journeyman.core.value import Value

PREFIX = "JOURNEYMAN_"
OUTSIDE = frozenset({"JOURNEYMAN_HOME", "JOURNEYMAN_CACHE", "JOURNEYMAN_SERVER", "JOURNEYMAN_TOKEN"})
"""Variables that are no settings: where things are kept, and which server is meant."""

SHARED = frozenset({"checks", "attempts", "strategy", "limits"})
"""What a repository may set; of `limits` only what makes them tighter."""


class ModelSettings(Value):
    """A model by its wire and address. The key is named by its variable and never stands in a file.

    Prices are US dollars per million tokens, `window` and `max_output` tokens. `running` bounds the attempts that use
    it at a time, over all workers.
    """

    wire: str
    base_url: str | None = None
    name: str | None = None
    api_key_env: str | None = None
    window: int | None = Field(default=None, gt=0)
    max_output: int | None = Field(default=None, gt=0)
    tool_style: Literal["native", "json"] | None = None
    strategy: Literal["loop", "repair"] | None = None
    small: bool | None = None
    images: bool | None = None
    judges: bool | None = None
    input_price: float | None = Field(default=None, ge=0)
    cached_input_price: float | None = Field(default=None, ge=0)
    output_price: float | None = Field(default=None, ge=0)
    running: int | None = Field(default=None, gt=0)


class TemporalSettings(Value):
    """The engine (Temporal) that workers and services share; without an address each has one of its own on loopback.

    The files are PEM: authorities in place of the system's, our certificate and its key. `domain` is the name on the
    server's certificate where it is not that of the address. The API key is named by its variable. `heartbeat` is the
    silence in seconds after which a worker is taken for dead.
    """

    address: str | None = None
    namespace: str = Field(default="default", min_length=1)
    tls: bool = False
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    domain: str | None = None
    api_key_env: str | None = None
    heartbeat: float = Field(default=30.0, ge=1.0)


class OpenIdSettings(Value):
    """A provider by which people sign in (OpenID Connect). The client's secret is named by its variable.

    Who comes for the first time becomes a person of `role` where `sign_up` is set; with `domains` only with a verified
    e-mail address of one of them. Where `groups_claim` is set, that claim lists groups: members of `admin_groups` are
    administrators, and with `allowed_groups` only their members may come.
    """

    issuer: str
    client_id: str
    client_secret_env: str | None = None
    name: str = "single sign-on"
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    role: Literal["viewer", "member"] = "member"
    sign_up: bool = True
    domains: tuple[str, ...] = ()
    groups_claim: str | None = None
    admin_groups: tuple[str, ...] = ()
    allowed_groups: tuple[str, ...] = ()


class ServerSettings(Value):
    """The service. `public_url` is the address by which browsers reach it, where a proxy stands before it. With `push`,
    people may have results pushed as new branches, with the credentials of the service's own git. Forges are asked for
    open pull requests every `pull_request_seconds`."""

    public_url: str | None = Field(default=None, pattern=r"^https?://[^/?#@\s]+/?$")
    openid: OpenIdSettings | None = None
    push: bool = True
    pull_request_seconds: float = Field(default=60.0, gt=0)


class KeepSettings(Value):
    """How long things of finished tasks are kept, in days since the last change; None is for ever.

    `disk_bytes` is what workspaces and blobs may take on this machine together.
    """

    tasks_days: float | None = Field(default=None, ge=0)
    outputs_days: float | None = Field(default=None, ge=0)
    workspaces_days: float | None = Field(default=7.0, ge=0)
    disk_bytes: int | None = Field(default=None, ge=0)


class Settings(Value):
    """All settings, with their defaults. `checks` are commands that must succeed. `cascade` are the models of that
    strategy, asked in order of price, or with `cascade_order` "given" as they stand. `judge` is the model that chooses
    between attempts that nothing else tells apart; "off" is none, None the one that made them.

    `environment` is "ready" (what is written down, or was built before), "auto" (detected and set up too), "off", or
    the name of a stored one. `environment_disk_bytes` is the room for all that are ready. `sandbox` is the backend:
    "auto" is bubblewrap where it works, else containers. `slots` is how many attempts a worker runs at a time, None as
    many as its memory and cores allow.
    """

    model: str | None = None
    models: dict[str, ModelSettings] = Field(default_factory=dict)
    checks: tuple[str, ...] = ()
    attempts: int = Field(default=1, ge=1, le=8)
    strategy: Literal["loop", "repair", "cascade"] | None = None
    cascade: tuple[str, ...] = ()
    cascade_order: Literal["price", "given"] = "price"
    judge: str | None = None
    sandbox: Literal["auto", "bubblewrap", "container"] = "auto"
    environment: str = Field(default="ready", min_length=1)
    environment_disk_bytes: int = Field(default=20 * 1024**3, ge=0)
    store: str | None = None
    blobs: str | None = None
    limits: Limits = Limits()
    temporal: TemporalSettings = TemporalSettings()
    slots: int | None = Field(default=None, gt=0)
    server: ServerSettings = ServerSettings()
    keep: KeepSettings = KeepSettings()


TABLES: dict[str, type[Value]] = {
    "limits": Limits,
    "temporal": TemporalSettings,
    "server": ServerSettings,
    "openid": OpenIdSettings,
    "keep": KeepSettings,
}


@dataclass(frozen=True, slots=True)
class Layer:
    """One source of settings: its name for messages, its values, and whether it is a repository's.

    `prefix` is set where keys are spelt as variables.
    """

    source: str
    values: Mapping[str, Any]
    shared: bool = False
    prefix: str = ""

    def spelt(self, path: Path) -> str:
        """A key as this source writes it."""
        return self.prefix + "__".join(path).upper() if self.prefix else repr(".".join(path))


def load_toml(text: str, source: str, *, shared: bool = False) -> Layer:
    """A layer from a TOML file's text. Raises `UsageError` with the line where the syntax is wrong."""
    try:
        return Layer(source, tomllib.loads(text), shared)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{source} is not valid TOML: {error}") from error


def variables(environ: Mapping[str, str]) -> Layer:
    """A layer from `JOURNEYMAN_*` variables. Values are read as TOML where they are that, else as text."""
    values: dict[str, Any] = {}
    source = f"the environment ({PREFIX}*)"
    for name, text in sorted(environ.items()):
        if not name.startswith(PREFIX) or name in OUTSIDE:
            continue
        *path, key = name.removeprefix(PREFIX).lower().split("__")
        place = values
        for part in path:
            inner = place.setdefault(part, {})
            if not isinstance(inner, dict):
                raise UsageError(f"{source}: {name} names a part of a setting that another variable sets whole.")
            place = cast("dict[str, Any]", inner)
        place[key] = _value(text, _field(Settings, (*path, key)))
    return Layer(source, values, prefix=PREFIX)


def merge(layers: Sequence[Layer]) -> Settings:
    """The settings of all layers, later ones over earlier ones. A `UsageError` names the source and the key."""
    merged: dict[str, Any] = {}
    for layer in layers:
        _known(layer, layer.values)
        _finite(layer, layer.values)
        below, merged = merged, _over(merged, layer.values)
        settings = _valid(layer, merged)
        if layer.shared:
            _safe(layer, _valid(layer, below), settings)
    return _valid(Layer("the settings", {}), merged, whole=True)


def _field(model: type[BaseModel], path: Path) -> FieldInfo | None:
    """The field at a path; None where there is none."""
    field: FieldInfo | None = None
    fields: Mapping[str, FieldInfo] = model.model_fields
    for at, key in enumerate(path):
        if at == 1 and path[0] == "models":
            fields = ModelSettings.model_fields  # `key` is the name that a person gave the model
            continue
        field = fields.get(key)
        fields = TABLES[key].model_fields if key in TABLES else {}
    return field


def _value(text: str, field: FieldInfo | None) -> object:
    """A variable's text as its setting wants it; one check may be given without brackets."""
    value = _toml(text)
    wanted = field.annotation if field is not None else None
    if wanted == tuple[str, ...] and not isinstance(value, list):
        return [value if isinstance(value, str) else text]
    if isinstance(value, int | float) and (wanted is str or str in get_args(wanted)):
        return text
    return cast("object", value)


def _toml(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = _over(cast("Mapping[str, Any]", old), cast("Mapping[str, Any]", value))
        merged[key] = value
    return merged


def _known(layer: Layer, values: Mapping[str, Any]) -> None:
    _no_keys(layer, values, ())
    check_keys(layer.source, values, Settings, spelt=layer.spelt)


def _no_keys(layer: Layer, values: Mapping[str, Any], path: Path) -> None:
    for key, value in values.items():
        if key == "api_key":
            raise UsageError(
                f"{layer.source}: {layer.spelt((*path, key))} is refused, since a key never stands in settings; put it "
                f"into a variable and name that in {layer.spelt((*path, 'api_key_env'))}."
            )
        if isinstance(value, Mapping):
            _no_keys(layer, cast("Mapping[str, Any]", value), (*path, key))


def _finite(layer: Layer, values: Mapping[str, Any]) -> None:
    """Numbers must be some: `true` is none, TOML's `nan` would be no limit, and a limit of nothing lets nothing run."""
    for path, value in _leaves(values, ()):
        field = _field(Settings, path)
        kinds = (field.annotation, *get_args(field.annotation)) if field is not None else ()
        if isinstance(value, bool) and bool not in kinds:
            wanted = "a number" if int in kinds or float in kinds else "a text"
            raise UsageError(f"{layer.source}: {layer.spelt(path)} must be {wanted}, not {str(value).lower()}.")
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"{layer.source}: {layer.spelt(path)} must be a number, not {value}.")
        if path[0] == "limits" and isinstance(value, int | float) and value <= 0:
            raise UsageError(f"{layer.source}: {layer.spelt(path)} must be more than 0, not {value}.")


def _leaves(values: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(cast("Mapping[str, Any]", value), (*path, key))
        else:
            yield (*path, key), value


def _valid(layer: Layer, values: dict[str, Any], *, whole: bool = False) -> Settings:
    """The values as settings. Only the `whole` must have all: a layer may set a part of a lower one's model."""
    if not whole:
        values = _with_wires(values)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise refused(layer.source, error, layer.spelt) from error


def _with_wires(values: dict[str, Any]) -> dict[str, Any]:
    models = values.get("models")
    if not isinstance(models, Mapping):
        return values
    named = cast("Mapping[str, Any]", models).items()
    return values | {"models": {name: {"wire": "", **one} if isinstance(one, Mapping) else one for name, one in named}}


def _safe(layer: Layer, below: Settings, above: Settings) -> None:
    for key in layer.values:
        if key not in SHARED:
            raise UsageError(
                f"{layer.source}: a repository may not set {key!r}; put it into your own config.toml. "
                f"It may set: {', '.join(sorted(SHARED))}."
            )
    for key in Limits.model_fields:
        bound, value = getattr(below.limits, key), getattr(above.limits, key)
        if bound is not None and (value is None or value > bound):
            raise UsageError(f"{layer.source}: a repository may only lower limits.{key}, which is {bound} here.")
