"""The models that tasks can be given: those of the settings, those that were added, the embedded one, and those of
vendors whose key is there."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from journeyman.core.api.admin import ModelLine, ModelTest
from journeyman.core.errors import JourneymanError, UsageError
from journeyman.core.items import UserMessage
from journeyman.core.model import ModelRequest, Profile
from journeyman.core.people import SHARED_MODEL
from journeyman.core.settings import ModelSettings
from journeyman.core.usage import Usage
from journeyman.models.choice import LOCAL, VENDORS, ModelChoice, check, choose, profile_of
from journeyman.models.protocol import Model
from journeyman.store.store import Store

PATIENCE = 60.0
"""Seconds that a model has to answer a test."""
_PROFILE = (
    *("window", "max_output", "tool_style", "strategy", "small", "images", "judges"),
    *("input_price", "cached_input_price", "output_price"),
)
Source = Literal["settings", "added", "embedded", "key"]
SOURCES: tuple[Source, ...] = ("settings", "added", "embedded", "key")


@dataclass(frozen=True, slots=True)
class Known:
    choice: ModelChoice
    source: Source


@dataclass(frozen=True, slots=True)
class Catalogue:
    """`configured` are the models of this process's settings, `env` holds the keys, `default` is the model of tasks
    that name none. In `cache` the embedded model is kept."""

    store: Store
    configured: Mapping[str, ModelChoice]
    env: Mapping[str, str]
    default: str
    cache: Path | None = None

    async def all(self) -> dict[str, Known]:
        """Every model by its name."""
        found = {name: Known(choice, "settings") for name, choice in self.configured.items()}
        for name, settings in (await self.store.models.all()).items():
            shared = f"{SHARED_MODEL}{name}"
            found.setdefault(shared, Known(choice_of(shared, settings), "added"))
        found.setdefault("local", Known(LOCAL, "embedded"))
        env = self.env
        for vendor, facts in VENDORS.items():
            if facts.default and facts.keys and any(env.get(key) for key in facts.keys):
                choice = choose(env, {}, f"{vendor}:{facts.default}")
                found.setdefault(choice.name, Known(choice, "key"))
        if self.default not in found:
            found[self.default] = Known(choose(env, dict(self.configured), self.default), "settings")
        return found

    async def keys(self, source: Source) -> Mapping[str, str]:
        """Where the key of a model is: in the environment; of one that was added among the secrets alone."""
        return await self.store.secrets.values("") if source == "added" else self.env

    async def lines(self) -> list[ModelLine]:
        known = await self.all()
        keys: dict[Source, Mapping[str, str]] = {source: await self.keys(source) for source in SOURCES}
        return await asyncio.gather(*(self._line(name, each, keys[each.source]) for name, each in known.items()))

    async def test(self, name: str) -> ModelTest:
        """Ask a model a short question."""
        known = (await self.all()).get(name)
        if known is None:
            raise UsageError(f"There is no model {name!r}.")
        began = time.monotonic()
        request = ModelRequest(
            instructions="You are being tested. Answer with one word.",
            items=(UserMessage(text="Say: ready"),),
            max_output_tokens=16,
        )
        try:
            async with asyncio.timeout(PATIENCE), self.open(known.choice, await self.keys(known.source)) as model:
                reply = await model.reply(request, None)
        except JourneymanError as error:
            return ModelTest(ok=False, seconds=time.monotonic() - began, error=str(error))
        except TimeoutError:
            return ModelTest(ok=False, seconds=PATIENCE, error=f"It did not answer within {PATIENCE:.0f} s.")
        return ModelTest(
            ok=True,
            seconds=time.monotonic() - began,
            text=reply.text[:200],
            tokens=reply.usage.total_tokens,
            cost=reply.usage.cost,
        )

    def open(self, choice: ModelChoice, env: Mapping[str, str]) -> AbstractAsyncContextManager[Model]:
        from journeyman.models.open import open_model

        return open_model(choice, env=env, cache=self.cache)

    async def _line(self, name: str, known: Known, env: Mapping[str, str]) -> ModelLine:
        choice, problem = known.choice, None
        try:
            check(choice)
            profile = profile_of(choice)
            if choice.wire not in ("local", "scripted"):
                from journeyman.models.open import require

                require(choice, env)
        except JourneymanError as error:
            profile, problem = Profile(name=name), str(error)
        prices = await asyncio.to_thread(_prices, choice, profile)
        return ModelLine(
            name=name,
            source=known.source,
            wire=choice.wire,
            model=choice.model,
            default=name == self.default,
            profile=profile,
            input_price=prices[0],
            cached_input_price=prices[1],
            output_price=prices[2],
            problem=problem,
        )


def choice_of(name: str, settings: ModelSettings) -> ModelChoice:
    """A model of a `[models.NAME]` table."""
    overrides = {key: getattr(settings, key) for key in _PROFILE if getattr(settings, key) is not None}
    return ModelChoice(
        name=name,
        wire=settings.wire,
        model=settings.name or "",
        base_url=settings.base_url,
        api_key_env=settings.api_key_env,
        overrides=overrides,
    )


def _prices(choice: ModelChoice, profile: Profile) -> tuple[float | None, float | None, float | None]:
    """Dollars per million tokens of input, cached input and output; those that were set, else the published ones."""
    if choice.wire in ("local", "scripted") or choice.vendor == "ollama":
        return profile.input_price or 0.0, profile.cached_input_price, profile.output_price or 0.0
    if profile.input_price is not None and profile.output_price is not None:
        return profile.input_price, profile.cached_input_price, profile.output_price
    from journeyman.models.open import price_of

    cost = price_of(choice)
    if cost is None:
        return None, None, None
    million = 1_000_000
    return (
        cost(Usage(input_tokens=million)),
        cost(Usage(input_tokens=million, cached_input_tokens=million)),
        cost(Usage(output_tokens=million)),
    )
