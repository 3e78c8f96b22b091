"""Models that an administrator added to the service: `shared:NAME`, the same on every machine of it."""

from collections.abc import Mapping

from journeyman.cli.door import Door, choice_of, model_choice
from journeyman.core.errors import UsageError
from journeyman.core.people import SHARED_MODEL
from journeyman.models.choice import ModelChoice, check
from journeyman.store.store import Store

EVERY = f"{SHARED_MODEL}*"
"""What a worker offers, since it can run whatever is added."""


async def known_choice(door: Door, store: Store, wanted: str | None) -> tuple[ModelChoice, Mapping[str, str]]:
    """The model that a name stands for, and where its key is: for a shared one among the stored secrets alone, so that
    no variable of this process is sent to an address that somebody added."""
    if wanted is None or not wanted.startswith(SHARED_MODEL):
        return model_choice(door, wanted), door.environ
    added = await store.models.all()
    name = wanted.removeprefix(SHARED_MODEL)
    if name not in added:
        raise UsageError(
            f"There is no shared model {name!r} any more. Take another one; there are: {', '.join(added) or 'none'}."
        )
    return check(choice_of(wanted, added[name])), await store.secrets.values("")
