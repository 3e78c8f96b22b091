"""The one protocol of every language model."""

from collections.abc import Callable
from typing import Protocol

from journeyman.core.model import Delta, ModelRequest, Profile, Reply

OnDelta = Callable[[Delta], None]
OnRetry = Callable[[str, float], None]
"""Called with a sentence and the wait in seconds before a request is sent again."""


class Model(Protocol):
    """A model that answers one request at a time per call; calls may run side by side.

    `reply` retries by itself what may succeed later (see `journeyman.core.errors`) and then raises a `ModelError`.
    Cancelling the awaiting task closes the request.
    """

    @property
    def profile(self) -> Profile: ...

    async def reply(
        self, request: ModelRequest, on_delta: OnDelta | None = None, on_retry: OnRetry | None = None
    ) -> Reply: ...

    async def close(self) -> None: ...
