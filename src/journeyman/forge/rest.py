"""Requests to a forge's REST API: bounded in time and size, never sent on to another host, failures in words.

A thin client of ours over httpx for both kinds of forge, since what we use is a dozen requests. githubkit brings 56 MB
of schemas and a cache, takes a third of a second to be imported, does not bound an answer's size, and its last release
fails to be imported with a version of that cache that it allows; python-gitlab blocks its thread.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urljoin

from pydantic import BaseModel, ConfigDict, ValidationError

from journeyman import __version__
from journeyman.core.ids import Clock
from journeyman.core.text import decode, one_line
from journeyman.forge.places import Place, origin
from journeyman.forge.pull_requests import ForgeError, ForgeUnreachable, RateLimited

if TYPE_CHECKING:
    import httpx

SECONDS = 30.0
"""For one answer, from the first byte of the request to the last of the answer."""
LARGEST = 4 * 1024 * 1024
"""Bytes of an answer."""
PATIENCE = 10.0
"""Seconds that a forge which has had too many requests is waited for within a call."""
TRIES = 3
"""Requests at most, of which a forge that has had too many of them turns away all but the last."""
REDIRECTS = 3
DEFAULT_WAIT = 60.0
"""Seconds to let pass where a forge says "too many" and not for how long."""

Query = Mapping[str, str | int]
Sleep = Callable[[float], Awaitable[None]]


class Wire(BaseModel):
    """The base of what we read of a forge's answers: the fields that we use, and no others."""

    model_config = ConfigDict(frozen=True, extra="ignore")


W = TypeVar("W", bound=Wire)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, whole."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def value(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class Rest:
    """A forge's API, within `async with`. `headers` go with each request, among them the `token`, which is in no
    message of ours whatever a forge says; `refusal` words what is not a success."""

    def __init__(
        self,
        place: Place,
        headers: Mapping[str, str],
        token: str,
        refusal: Callable[[str, Reply], ForgeError],
        *,
        clock: Clock = time.time,
        sleep: Sleep = asyncio.sleep,
        seconds: float = SECONDS,
    ) -> None:
        self.place = place
        self._headers = {"User-Agent": f"journeyman/{__version__}", **headers}
        self._token = token.encode()
        self._refusal = refusal
        self._clock = clock
        self._sleep = sleep
        self._seconds = seconds
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        import httpx

        timeout = httpx.Timeout(self._seconds, connect=min(self._seconds, 10.0))
        self._client = httpx.AsyncClient(timeout=timeout, follow_redirects=False, headers=self._headers)
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def get(self, kind: type[W], path: str, query: Query | None = None) -> W:
        return self._read(kind, await self.ask("GET", path, query=query))

    async def list(self, kind: type[W], path: str, query: Query | None = None) -> "list[W]":
        found = (await self.ask("GET", path, query=query)).value
        if not isinstance(found, list):
            raise self._unreadable()
        return [self._valid(kind, each) for each in found]  # type: ignore[reportUnknownVariableType]

    async def send(self, method: str, kind: type[W], path: str, body: Mapping[str, object]) -> W:
        return self._read(kind, await self.ask(method, path, body=body))

    async def ask(
        self, method: str, path: str, *, query: Query | None = None, body: Mapping[str, object] | None = None
    ) -> Reply:
        """The answer to a request, if it is a success. Raises `ForgeError`."""
        reply = await self._follow(method, path, query, body)
        for left in reversed(range(TRIES)):
            if (wait := self._limit(reply)) is None:
                break
            if not left or wait > PATIENCE:
                name, seconds = self.place.name, f"{max(wait, 1):.0f}"
                raise RateLimited(
                    f"{name} takes no more requests from this token for {seconds} s. Try again then.", wait
                )
            await self._sleep(wait)
            reply = await self._follow(method, path, query, body)
        if not 200 <= reply.status < 300:
            raise self._failed(path, reply)
        return reply

    def _failed(self, path: str, reply: Reply) -> ForgeError:
        name = self.place.name
        if reply.status >= 500:
            return ForgeUnreachable(f"{name} does not work at the moment: it answered {reply.status}. Try again later.")
        if 300 <= reply.status < 400:
            return ForgeError(
                f"{name} sends requests on to another host, and a token is not sent after them. Set the forge up with "
                "the address of its API."
            )
        return self._refusal(path, replace(reply, body=reply.body.replace(self._token, b"[token]")))

    async def _follow(self, method: str, path: str, query: Query | None, body: Mapping[str, object] | None) -> Reply:
        """Redirects are followed within the API's own host: GitHub answers so for a repository that was renamed."""
        url = self.place.api + path
        reply = await self._once(method, url, query, body)
        for _ in range(REDIRECTS):
            kept = reply.status in (307, 308) or (method == "GET" and reply.status in (301, 302))
            url = urljoin(url, reply.headers.get("location", ""))
            if not kept or origin(url) != origin(self.place.api):
                break
            reply = await self._once(method, url, None, body)
        return reply

    async def _once(self, method: str, url: str, query: Query | None, body: Mapping[str, object] | None) -> Reply:
        import httpx

        assert self._client is not None
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._client.stream(method, url, params=query, json=body) as response,
            ):
                return Reply(response.status_code, await self._body(response), response.headers)
        except TimeoutError as error:
            raise self._silent() from error
        except httpx.TimeoutException as error:
            raise self._silent() from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            said = one_line(str(error) or type(error).__name__)
            raise ForgeUnreachable(
                f"{self.place.name} cannot be reached at {self.place.api} ({said}). Check the address and the network; "
                "nothing was changed there."
            ) from error

    async def _body(self, response: "httpx.Response") -> bytes:
        read = bytearray()
        async for piece in response.aiter_bytes():
            read += piece
            if len(read) > LARGEST:
                raise ForgeError(f"{self.place.name} answers with more than {LARGEST >> 20} MB; that was not read.")
        return bytes(read)

    def _silent(self) -> ForgeUnreachable:
        return ForgeUnreachable(f"{self.place.name} did not answer within {self._seconds:g} s. Try again later.")

    def _limit(self, reply: Reply) -> float | None:
        """Seconds to wait where there were too many requests: of this minute, or of an hour."""
        headers = reply.headers
        spent = headers.get("x-ratelimit-remaining") == "0"
        if reply.status != 429 and not (reply.status == 403 and (spent or "retry-after" in headers)):
            return None
        after = _seconds(headers.get("retry-after"))
        if after is not None:
            return after
        reset = _seconds(headers.get("x-ratelimit-reset") or headers.get("ratelimit-reset"))
        return max(reset - self._clock(), 0.0) + 1.0 if reset is not None else DEFAULT_WAIT

    def _read(self, kind: type[W], reply: Reply) -> W:
        return self._valid(kind, reply.value)

    def _valid(self, kind: type[W], value: object) -> W:
        try:
            return kind.model_validate(value)
        except ValidationError as error:
            raise self._unreadable() from error

    def _unreadable(self) -> ForgeUnreachable:
        kind = "GitHub" if self.place.kind == "github" else "GitLab"
        return ForgeUnreachable(
            f"{self.place.name} answers what cannot be read. Is {self.place.api} the API of a {kind}?"
        )


def words_of(reply: Reply) -> str:
    """What a forge says is wrong, on one line."""
    found = list(_texts(reply.value))[:5]
    said = "; ".join(dict.fromkeys(found)) or decode(reply.body[:200]) or f"status {reply.status}"
    return one_line(said.encode("utf-8", "replace").decode(), 300)


def _texts(value: object, depth: int = 4) -> "list[str]":
    """The messages in an error, in their order: both kinds of forge nest texts, lists and objects as it suits them."""
    match value:
        case str() if value.strip():
            return [one_line(value, 200)]
        case list() if depth:
            return [text for each in value for text in _texts(each, depth - 1)]  # type: ignore[reportUnknownVariableType]
        case dict() if depth:
            kept: dict[str, object] = value  # type: ignore[reportUnknownVariableType]
            known = ("message", "errors", "error", "error_description")
            keys = [key for key in known if key in kept] or [str(key) for key in kept if key != "documentation_url"]
            return [text for key in keys for text in _texts(kept[key], depth - 1)]
        case _:
            return []


def _seconds(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < 1e11 else None
