"""What set-up wrote, as output of the attempt that is opened on its layers: its terminal begins with it."""

from collections.abc import Sequence

from journeyman.attempt.environment.cache import Build
from journeyman.core import folds
from journeyman.core.errors import EnvironmentFailed, StoreError
from journeyman.core.events import SetUpFailed, SetUpRan
from journeyman.store.log import AttemptLog
from journeyman.store.store import Store


class ScriptFailed(EnvironmentFailed):
    """A script of an environment that failed: the event that tells so, but for its chunk, and the blob of all that it
    wrote."""

    def __init__(self, message: str, event: SetUpFailed, output: str) -> None:
        super().__init__(message)
        self.event = event
        self.output = output


async def failed(store: Store, log: AttemptLog, error: ScriptFailed) -> None:
    """Write down a failure with its output, which is then the attempt's own."""
    try:
        output = await store.blob(error.output)
    except StoreError:
        return
    chunk = log.chunk()
    chunk.write(output)
    await chunk.close()
    await log.append(error.event.model_copy(update={"chunk": chunk.id}))


async def set_up(store: Store, log: AttemptLog, builds: Sequence[Build]) -> tuple[SetUpRan, ...]:
    """The scripts behind `builds`, the first of them first, with their output put into the log's store.

    None where the attempt was opened on the same layers before. What is no longer kept is left out.
    """
    before = folds.opened(log.events)
    if before is not None and before.build == builds[0].id:
        return ()
    return tuple([one for build in reversed(builds) if (one := await _ran(store, log, build)) is not None])


async def _ran(store: Store, log: AttemptLog, build: Build) -> SetUpRan | None:
    if not build.output:
        return None
    try:
        output = await store.blob(build.output)
    except StoreError:
        return None
    chunk = log.chunk()
    chunk.write(output)
    await chunk.close()
    return SetUpRan(
        environment=build.name,
        phase="maintenance" if build.parents else "setup",
        chunk=chunk.id,
        at=build.created,
        seconds=build.seconds,
    )
