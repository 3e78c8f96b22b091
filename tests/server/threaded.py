"""The service in a thread of its own, for tools that ask it from outside and block."""

import asyncio
import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from journeyman.models.choice import ModelChoice
from journeyman.server.auth.gate import Rates, SignIn
from journeyman.server.auth.limits import Limiter
from journeyman.server.catalogue import Catalogue
from journeyman.server.handing import Handing
from journeyman.server.parts import Parts
from journeyman.server.service import create_service
from journeyman.store import open_store
from tests.engine.engine_parts import an_engine
from tests.server.listening import listening
from tests.server.worked import Worked

SCRIPTED = ModelChoice(name="scripted", wire="chat", model="scripted", base_url="http://127.0.0.1:9/v1")
"""Nobody answers there."""


@dataclass(frozen=True, slots=True)
class Serving:
    address: str
    home: Path


@contextmanager
def in_a_thread(worked: Worked, home: Path) -> Generator[Serving]:
    """The whole service over a copy of what was worked, with a real engine that nobody works for; without sign-in."""
    shutil.copytree(worked.home, home, symlinks=True, ignore=shutil.ignore_patterns("attempts", "sandbox", "trees"))
    up: list[str] = []
    failed: list[BaseException] = []
    started = threading.Event()
    done: list[Callable[[], object]] = []

    async def serve() -> None:
        async with open_store(home) as store, an_engine(home) as engine:
            parts = Parts(
                store=store,
                engine=Handing(store, engine, time.time),
                state=home,
                clock=time.time,
                model="scripted",
                heartbeat=0.2,
                catalogue=Catalogue(store, {"scripted": SCRIPTED}, {}, "scripted"),
            )
            endless = Limiter(1e9, 1e9)
            app = create_service(parts, SignIn(open=True), Rates(requests=endless, strangers=endless))
            async with listening(app) as address:
                over = asyncio.Event()
                loop = asyncio.get_running_loop()
                done.append(partial(loop.call_soon_threadsafe, over.set))
                up.append(address)
                started.set()
                await over.wait()
                await app.state.streams.close()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001  # told by the thread that waits for it
            failed.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run)
    thread.start()
    started.wait()
    try:
        if failed:
            raise failed[0]
        yield Serving(up[0], home)
    finally:
        for end in done:
            end()
        thread.join()
    with contextlib.suppress(IndexError):
        raise failed[0]
