"""`journeyman serve`: the API, a worker in a process beside it, and on one machine the engine too."""

import asyncio
import contextlib
import ipaddress
import logging
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journeyman import __version__
from journeyman.cli.commands import open_host
from journeyman.cli.door import Door, configured_models, open_door, open_stored
from journeyman.cli.remotes import SERVING, Serving, put_private
from journeyman.cli.tidying import tidying
from journeyman.cli.worker_child import apart, settle, told_to, worker_child
from journeyman.core.errors import UsageError
from journeyman.core.text import one_line
from journeyman.store.store import Store

if TYPE_CHECKING:
    from fastapi import FastAPI

    from journeyman.attempt.host import Host
    from journeyman.engine.crew import Crew
    from journeyman.engine.engine import Engine
    from journeyman.server.fetching import Fetching
    from journeyman.server.workshop import Workshop

STREAMS = 2
"""Seconds that live streams have to end when the server does; those who watch connect anew."""


@dataclass(frozen=True, slots=True)
class Order:
    """How to serve. `temporal` is as the settings of that name; `work` False leaves attempts to other workers."""

    host: str = "127.0.0.1"
    port: int = 8700
    sign_in: bool = True
    work: bool = True
    slots: int | None = None
    store: str | None = None
    blobs: str | None = None
    temporal: dict[str, object] = field(default_factory=dict[str, object])


async def serve(order: Order) -> int:
    """Serve until this process is told to end. Ctrl-C or SIGTERM ends it in good order, a second one at once."""
    began = time.monotonic()
    _log_to_stderr()
    if not order.sign_in and not is_loopback(order.host):
        raise UsageError(
            f"--no-auth lets whoever reaches the server do everything: it is for loopback only, not for {order.host}."
        )
    given = {"temporal": order.temporal or None, "slots": order.slots, "store": order.store, "blobs": order.blobs}
    door = open_door(Path(), given)
    with _listening(order.host, order.port) as listener, _told() as told:
        address = address_of(listener)
        async with _service(door, order, address) as running, _answering(running.app, listener) as answering:
            with _known(door.state, running.serving):
                await _say(running, order, time.monotonic() - began)
                settle()
                ending = asyncio.create_task(told.wait())
                await asyncio.wait([ending, answering], return_when=asyncio.FIRST_COMPLETED)
                ending.cancel()
            if answering.done():
                answering.result()
            print(
                "\nEnding: attempts stop at their step and go on at the next start. Ctrl-C again ends at once.",
                file=sys.stderr,
                flush=True,
            )
    print("Ended.", file=sys.stderr, flush=True)
    return 0


@dataclass(frozen=True, slots=True)
class Running:
    """The service once it is put together."""

    door: Door
    app: "FastAPI"
    serving: Serving
    engine: str
    model: str
    slots: int
    join: str | None


@asynccontextmanager
async def _service(door: Door, order: Order, address: str) -> AsyncGenerator[Running]:
    """Everything but the listening: store, engine, worker, application."""
    from journeyman.cli.crew import crew_of, default_model, engine_of
    from journeyman.cli.telemetry import telemetry

    token = None if not order.sign_in else secrets.token_urlsafe(32)
    async with AsyncExitStack() as stack:
        stack.enter_context(telemetry(door.environ))
        loading = asyncio.create_task(asyncio.to_thread(import_module, "journeyman.server.service"))
        store = await stack.enter_async_context(open_stored(door))
        engine = await stack.enter_async_context(engine_of(door))  # meanwhile
        await loading
        slots, workshop, fetching = 0, None, None
        if order.work:
            host = await stack.enter_async_context(open_host(door, store))
            crew = crew_of(door, host)
            await stack.enter_async_context(_worker(engine, store, crew, default_model(door), order))
            slots = crew.offer.slots
            workshop = _workshop(door, host)
            stack.push_async_callback(workshop.close)
            fetching = _fetching(door)
            stack.push_async_callback(fetching.close)
        await stack.enter_async_context(tidying(door, store))
        await stack.enter_async_context(_watching(door, store))
        app, join = await _application(door, store, engine, address, token, (workshop, fetching))
        serving = Serving(address=address, pid=os.getpid(), token=token)
        yield Running(door, app, serving, engine.where.address, default_model(door), slots, join)


@asynccontextmanager
async def _watching(door: Door, store: Store) -> AsyncGenerator[None]:
    """Look after pull requests for as long as the body runs."""
    from journeyman.server.watching import Watcher

    watcher = Watcher(store, time.time, door.settings.server.pull_request_seconds)
    task = asyncio.create_task(watcher.watch())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def _worker(engine: "Engine", store: Store, crew: "Crew", model: str, order: Order) -> Any:
    """A worker in a process of its own, where that ends with us for certain; else in this one."""
    from journeyman.engine.attempts import Attempts
    from journeyman.engine.worker import Duties, worker

    if apart():
        return worker_child(told_to(order.slots, order.store, order.blobs, order.temporal))
    return worker(engine, store, Attempts(crew), crew.offer, Duties(model, crew.model_limits))


def _workshop(door: Door, host: "Host") -> "Workshop":
    """Where environments are built when somebody asks for it."""
    from journeyman.server.workshop import Workshop

    return Workshop(host, door.settings.limits, door.settings.checks)


def _fetching(door: Door) -> "Fetching":
    """What gets the embedded model when somebody asks for it."""
    from journeyman.server.fetching import Fetching

    return Fetching(door.cache)


async def _application(
    door: Door,
    store: Store,
    engine: "Engine",
    address: str,
    token: str | None,
    here: "tuple[Workshop | None, Fetching | None]",
) -> "tuple[FastAPI, str | None]":
    """The application, and the link by which the first administrator joins, where there is none yet."""
    from journeyman.cli.crew import default_model
    from journeyman.server.auth.gate import SignIn
    from journeyman.server.catalogue import Catalogue
    from journeyman.server.handing import Handing
    from journeyman.server.parts import Parts
    from journeyman.server.service import create_service, first_link

    async def engine_answers() -> str | None:
        return None if await engine.healthy() else "The engine does not answer."

    static = Path(__file__).parents[1] / "server" / "static"
    parts = Parts(
        store=store,
        engine=Handing(store, engine, time.time),
        state=door.state,
        clock=time.time,
        model=default_model(door),
        limits=door.settings.limits,
        static=static if (static / "index.html").is_file() else None,
        checks={"engine": engine_answers},
        excludes=door.excludes,
        git=door.environ,
        models=tuple(door.settings.models),
        cascade=door.settings.cascade,
        cascade_order=door.settings.cascade_order,
        workshop=here[0],
        fetching=here[1],
        catalogue=Catalogue(store, configured_models(door), door.environ, default_model(door), door.cache),
        machine=engine.machine,
        keep=door.settings.keep,
        push=door.settings.server.push,
    )
    settings = door.settings.server
    openid = settings.openid
    secret = door.environ.get(openid.client_secret_env or "", "") if openid is not None else ""
    way = SignIn(token is None, settings.public_url, openid, secret, token or "")
    app = create_service(parts, way)
    join = await first_link(parts, settings.public_url or address) if token is not None else None
    return app, join


# ------------------------------------------------------------ listening


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _listening(host: str, port: int) -> Generator[socket.socket]:
    """A socket that listens on this address; with port 0 on a free one."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, where = found[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UsageError(f"{host!r} is no address of this machine: {error.strerror or error}.") from error
    with contextlib.closing(listener):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(where)
            listener.listen(1024)
        except OSError as error:
            raise UsageError(
                f"Port {port} of {host} cannot be listened on: {error.strerror}. "
                "Does another server run there? `--port` takes another one, `--port 0` a free one."
            ) from error
        yield listener


def address_of(listener: socket.socket) -> str:
    """The address as a browser on this machine wants it."""
    host, port = listener.getsockname()[:2]
    name = ipaddress.ip_address(host)
    if name.is_unspecified:
        name = ipaddress.ip_address("::1" if name.version == 6 else "127.0.0.1")
    return f"http://[{name}]:{port}" if name.version == 6 else f"http://{name}:{port}"


@asynccontextmanager
async def _answering(app: "FastAPI", listener: socket.socket) -> "AsyncGenerator[asyncio.Task[None]]":
    """Answer requests while the body runs; the task ends early only by a failure."""
    import uvicorn

    up = asyncio.Event()

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Generator[None]:
            yield  # they are ours

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            up.set()

    logging.getLogger("uvicorn.error").addFilter(_worth_telling)
    server = Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=STREAMS,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    waiting = asyncio.create_task(up.wait())
    try:
        await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
        yield serving
    finally:
        waiting.cancel()
        server.should_exit = True
        await app.state.streams.close()
        await asyncio.wait([serving])


def _worth_telling(record: logging.LogRecord) -> bool:
    """All but that an answer to somebody too slow was given up when the server ended."""
    given_up = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not given_up and not str(record.msg).startswith("Cancel %s running task(s)")


# ------------------------------------------------------------ beginning and ending


def _log_to_stderr() -> None:
    """What goes wrong within the service: in words on a terminal, else a JSON object a line."""
    import structlog

    terminal = sys.stderr.isatty()
    # Tracebacks are without the values of variables, which may be secrets.
    words = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    last = words if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            *(() if terminal else (structlog.processors.format_exc_info,)),
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


@contextmanager
def _told() -> Generator[asyncio.Event]:
    """Set when this process is told to end. A second time it ends at once: everything is kept as after a crash."""
    told = asyncio.Event()

    def tell() -> None:
        if told.is_set():
            os._exit(130)
        told.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, tell)
    try:
        yield told
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


@contextmanager
def _known(state: Path, serving: Serving) -> Generator[None]:
    """Leave word in our folder where this server is, for the commands of whoever may read it."""
    file = state / SERVING
    put_private(file, serving.model_dump())
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if Serving.model_validate_json(file.read_bytes()).pid == serving.pid:
                file.unlink()


async def _say(running: Running, order: Order, seconds: float) -> None:
    """Where it serves and what with, line by line."""
    address = running.serving.address
    slots = f"up to {running.slots} attempts at a time" if running.slots else "none in this process"
    lines = [
        ("web app", address + "/"),
        ("API", f"{address}/api/v1/openapi.json"),
        ("model", running.model),
        ("engine", running.engine),
        ("work", slots),
        ("state", str(running.door.state)),
    ]
    print(f"Journeyman {__version__} serves at {address} (ready in {seconds:.1f} s)", flush=True)
    for head, words in lines:
        print(f"  {head:<8} {one_line(words, 300)}")
    if not order.sign_in:
        print("  sign-in  none: whoever reaches this address may do everything")
    if running.join is not None:
        print(f"\nThe first administrator joins here (it works once):\n  {running.join}")
    print('\nHand out a task from a repository:  journeyman tasks submit "…" --watch\nCtrl-C ends.', flush=True)
