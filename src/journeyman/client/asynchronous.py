"""The client for programs with an event loop."""

from types import TracebackType
from typing import Self

from journeyman.client.admin import AdminRequests
from journeyman.client.attempts import AttemptRequests
from journeyman.client.environments import EnvironmentRequests
from journeyman.client.forges import ForgeRequests
from journeyman.client.groups import GroupRequests
from journeyman.client.live import LiveRequests
from journeyman.client.people import PeopleRequests
from journeyman.client.tasks import TaskRequests
from journeyman.client.transport import OnWait, Times, Transport


class AsyncClient(
    TaskRequests,
    AttemptRequests,
    LiveRequests,
    PeopleRequests,
    GroupRequests,
    EnvironmentRequests,
    ForgeRequests,
    AdminRequests,
):
    """A server's API, to be used with `async with`. What goes in and comes out are the values of `core.api`; every
    failure is a `JourneymanError` in words for a person.

    `address` is `http://HOST:PORT`, `token` a personal access token. `on_wait` is told when a server that was there
    has to be waited for.
    """

    def __init__(
        self, address: str, token: str | None = None, *, times: Times | None = None, on_wait: OnWait | None = None
    ) -> None:
        super().__init__(Transport(address, token, times=times, on_wait=on_wait))

    @property
    def address(self) -> str:
        return self._transport.address

    @property
    def on_wait(self) -> OnWait | None:
        return self._transport.on_wait

    @on_wait.setter
    def on_wait(self, listener: OnWait | None) -> None:
        self._transport.on_wait = listener

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._transport.close()
