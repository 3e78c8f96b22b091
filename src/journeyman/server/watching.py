"""What becomes of pull requests after they were opened: their forges are asked again and again."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import structlog

from journeyman.attempt.credentials import place_of
from journeyman.core.errors import JourneymanError, StoreError
from journeyman.core.ids import Clock
from journeyman.forge.pull_requests import ForgeError, NoSuchRepository, RateLimited
from journeyman.server.forging import connected, token_of
from journeyman.server.pulling import look
from journeyman.store.forges import StoredForge
from journeyman.store.pulls import Pull
from journeyman.store.store import Store

OLDEST = 30 * 86400.0
"""Seconds after its last change for which a pull request is looked after."""
log = structlog.get_logger("journeyman.forges")


@dataclass(slots=True)
class Watcher:
    """Looks after the pull requests of a store. Several may: each pull request is asked for by one of them at a time.

    `every` is how many seconds pass between two looks at one that changed lately; see `Pulls.take`.
    """

    store: Store
    clock: Clock
    every: float
    paused: dict[str, float] = field(default_factory=dict[str, float])
    """Until when a forge that has had too many requests is left alone."""

    async def watch(self) -> None:
        """Look for ever. What fails now is tried again at the next look."""
        while True:
            try:
                await self.look()
            except JourneymanError as error:
                log.warning("pull requests", error=str(error))
            await asyncio.sleep(self.every)

    async def look(self) -> None:
        """Ask for all that are due."""
        while taken := await self.store.pulls.take(self.every, OLDEST):
            for name, pulls in _by_forge(taken).items():
                forge = await self.store.forges.get(name)
                if forge is not None and self.paused.get(name, 0.0) <= self.clock():
                    await self._ask(forge, pulls)

    async def _ask(self, forge: StoredForge, pulls: list[Pull]) -> None:
        said = ""
        try:
            token = await token_of(self.store, forge)
            async with connected(place_of(forge), token, self.clock) as client:
                for pull in pulls:
                    try:
                        await look(self.store, client, pull, self.clock)
                    except (NoSuchRepository, StoreError) as error:  # it is gone; or its attempt is being worked on
                        log.info("pull request", task=pull.task_id, url=pull.pull_request.url, error=str(error))
        except RateLimited as error:
            self.paused[forge.name] = self.clock() + error.wait
            log.info("forge", forge=forge.name, error=str(error))
            return
        except ForgeError as error:
            said = str(error)
            log.warning("forge", forge=forge.name, error=said)
        if said != forge.error:
            await self.store.forges.told(replace(forge, checked=self.clock(), error=said))


def _by_forge(pulls: list[Pull]) -> Mapping[str, list[Pull]]:
    found: dict[str, list[Pull]] = {}
    for pull in pulls:
        found.setdefault(pull.pull_request.forge, []).append(pull)
    return found
