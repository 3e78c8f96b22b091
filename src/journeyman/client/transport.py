"""Requests to one server and its live streams, over httpx.

A server that has never answered is told of at once. One that has answered before is waited for, up to `patience`
seconds, where trying again does nothing twice: it may be starting anew.
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from journeyman import __version__
from journeyman.client.errors import Limited, ServerFailed, ServerUnreachable, ServiceError, error_of
from journeyman.core.errors import UsageError
from journeyman.core.text import one_line
from journeyman.models.wire.sse import EventParser, ServerEvent

if TYPE_CHECKING:
    import httpx

PREFIX = "/api/v1"
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Query = Mapping[str, str | int | float | bool | list[str] | None]
OnWait = Callable[[str, float], None]
"""Is told why a request is not answered yet, and in how many seconds it is sent again."""

ERROR_BYTES = 1 << 20
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds. `connect` for a connection, `answer` for what an answer may pause, `silence` for what a live stream may
    (the server says something at least every 15), `patience` for how long a server that was there is waited for."""

    connect: float = 5.0
    answer: float = 60.0
    silence: float = 45.0
    patience: float = 120.0


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str]


class Sent(Exception):
    """A request was sent, and its answer did not come or not whole: it may have been carried out."""


@dataclass(slots=True)
class Waits:
    """Pauses between tries: twice as long each time, by chance a bit less, until `patience` is over."""

    times: Times
    chance: Callable[[], float]
    began: float = field(default_factory=time.monotonic)
    tries: int = 0

    def next(self, asked: float | None = None) -> float | None:
        """Seconds to wait before the next try; None when there is to be none."""
        wait = asked if asked is not None else min(FIRST_WAIT * 2**self.tries, LONGEST_WAIT)
        wait *= 0.5 + self.chance() / 2 if asked is None else 1.0
        self.tries += 1
        return None if time.monotonic() - self.began + wait > self.times.patience else wait


class Transport:
    """One server. `address` is `http://HOST:PORT`, perhaps with a path; `token` a personal access token."""

    def __init__(
        self,
        address: str,
        token: str | None = None,
        *,
        times: Times | None = None,
        on_wait: OnWait | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        import httpx

        self.address, loopback = checked(address)
        self.times = times or Times()
        self.on_wait = on_wait
        self._chance = chance
        self._met = False  # it has answered before
        headers = {"user-agent": f"journeyman/{__version__}"}
        if token:
            if not token.isascii() or not token.isprintable() or " " in token:
                raise UsageError("The token holds characters that no token has.")
            headers["authorization"] = f"Bearer {token}"
        self._client = httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(self.times.answer, connect=self.times.connect),
            verify=httpx.create_ssl_context(verify=self.address.startswith("https:"), trust_env=not loopback),
            trust_env=not loopback,  # loopback is never reached through a proxy
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
        )

    async def close(self) -> None:
        await self._client.aclose()

    def prove(self, csrf: str | None) -> None:
        """Send the token of a session with each request, which a page of another site could not."""
        if csrf is not None:
            self._client.headers["x-csrf-token"] = csrf

    async def send(
        self,
        method: Method,
        path: str,
        *,
        query: Query | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        again: bool | None = None,
    ) -> Answer:
        """The answer to a request. `again` says that it may be sent twice; so may all but POST and PATCH.

        Raises `ServiceError` as the server says, `ServerUnreachable` when nobody answers.
        """
        again = method not in ("POST", "PATCH") if again is None else again
        made = dict(headers or {}) | ({"content-type": content_type} if body is not None else {})
        request = self._client.build_request(
            method, self.address + PREFIX + path, params=_query(query), content=body, headers=made
        )
        waits = Waits(self.times, self._chance)
        while True:
            error: Exception
            wait: float | None = None
            try:
                answer = await self._once(request)
                if answer.status < 400:
                    return answer
                error = error_of(answer.status, answer.body, self.address, _seconds(answer.headers))
                wait = self._retry(error, waits, again)
            except ServerUnreachable as unreachable:
                error, wait = unreachable, waits.next() if self._met else None
            except Sent as sent:
                error = ServerUnreachable(str(sent))
                wait = waits.next() if again else None
            if wait is None:
                raise error
            await self._pause(str(error), wait)

    async def events(
        self, path: str, *, query: Query | None = None, after: str | None = None
    ) -> AsyncGenerator[ServerEvent]:
        """The events of a live stream from the one behind `after`, connected anew wherever it is cut.

        It ends when the server ends it in good order (status 204, or an event called `end`). Each event comes as often
        as the server sends it: those that have been seen are not asked for again.
        """
        last, waits = after, Waits(self.times, self._chance)
        while True:
            error: Exception
            try:
                async with aclosing(self._stream(path, query, last)) as stream:
                    async for event in stream:
                        waits = Waits(self.times, self._chance)
                        if event.name == "end":
                            return
                        last = event.id or last
                        yield event
                return
            except (Limited, ServerFailed) as refused:
                error, wait = refused, self._retry(refused, waits, True)
            except ServerUnreachable as unreachable:
                error, wait = unreachable, waits.next() if self._met else None
            except Sent as cut:
                error, wait = ServerUnreachable(str(cut)), waits.next()
            if wait is None:
                raise error
            await self._pause(str(error), wait)

    async def _stream(self, path: str, query: Query | None, last: str | None) -> AsyncGenerator[ServerEvent]:
        """One connection's events. Raises `Sent` when it is cut."""
        import httpx

        headers = {"accept": "text/event-stream", "cache-control": "no-store"}
        if last is not None:
            headers["last-event-id"] = last
        timeout = httpx.Timeout(self.times.silence, connect=self.times.connect)
        request = self._client.build_request(
            "GET", self.address + PREFIX + path, params=_query(query), headers=headers, timeout=timeout
        )
        with _told(self.address):
            response = await self._client.send(request, stream=True)
            try:
                self._met = True
                if response.status_code == 204:
                    return
                if response.status_code >= 300:
                    body = (await response.aread())[:ERROR_BYTES]
                    raise error_of(response.status_code, body, self.address, _seconds(response.headers))
                parser = EventParser()
                async for chunk in response.aiter_bytes():
                    for event in parser.feed(chunk):
                        yield event
            finally:
                await response.aclose()
        raise Sent(f"The stream of {self.address} ended.")

    async def _once(self, request: "httpx.Request") -> Answer:
        with _told(self.address):
            response = await self._client.send(request)
        self._met = True
        if 300 <= response.status_code < 400:
            where = response.headers.get("location", "elsewhere")
            raise ServiceError(
                f"{self.address} sends on to {one_line(where, 200)}; give that address.", status=response.status_code
            )
        return Answer(response.status_code, response.content, response.headers)

    def _retry(self, error: ServiceError, waits: Waits, again: bool) -> float | None:
        """Seconds until the refused request is sent again; None where it is not."""
        if isinstance(error, Limited):
            return waits.next(error.retry_after) if error.code != "over_quota" else None
        if isinstance(error, ServerFailed) and (error.status == 503 or (again and error.status in (502, 504))):
            return waits.next()
        return None

    async def _pause(self, why: str, wait: float) -> None:
        if self.on_wait is not None:
            self.on_wait(why, wait)
        await asyncio.sleep(wait)


@contextmanager
def _told(address: str) -> Generator[None]:
    """The failures of a connection in words: `ServerUnreachable` before the request left, `Sent` after."""
    import httpx

    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
        why = one_line(str(error), 120) or "no connection in time"
        raise ServerUnreachable(f"Nobody answers at {address} ({why}). Is `journeyman serve` running there?") from error
    except httpx.TimeoutException as error:
        raise Sent(f"{address} was silent for too long.") from error
    except (httpx.TransportError, httpx.DecodingError) as error:
        raise Sent(f"The connection to {address} was cut.") from error


def checked(address: str) -> tuple[str, bool]:
    """An address as it is kept, without a slash at its end, and whether it is this machine's loopback."""
    import httpx

    from journeyman.models.wire.http import is_loopback

    text = address if "://" in address else f"http://{address}"
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise UsageError(f"{address!r} is no address of a server: {error}") from error
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        raise UsageError(f"{address!r} is no address of a server: it is http:// or https://, a host, perhaps a port.")
    return str(url).rstrip("/"), is_loopback(url.host)


def _query(query: Query | None) -> dict[str, str | list[str]]:
    """What is asked for, without what is not set."""
    spelt: dict[str, str | list[str]] = {}
    for name, value in (query or {}).items():
        if isinstance(value, bool):
            spelt[name] = str(value).lower()
        elif isinstance(value, list):
            spelt[name] = value
        elif value is not None:
            spelt[name] = str(value)
    return spelt


def _seconds(headers: Mapping[str, str]) -> float | None:
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return None
