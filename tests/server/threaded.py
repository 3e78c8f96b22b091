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

from journeyman.core.people import Person
from journeyman.models.choice import ModelChoice
from journeyman.server.auth.gate import Rates, SignIn
from journeyman.server.auth.limits import Limiter
from journeyman.server.catalogue import Catalogue
from journeyman.server.handing import Handing
from journeyman.server.parts import Parts
from journeyman.server.service import create_service
from journeyman.store import open_store
from journeyman.store.store import Store
from tests.engine.engine_parts import an_engine
from tests.server.listening import listening
from tests.server.worked import Worked

SCRIPTED = ModelChoice(name="scripted", wire="chat", model="scripted", base_url="http://127.0.0.1:9/v1")
"""Nobody answers there."""


@dataclass(frozen=True, slots=True)
class Serving:
    """`token` is that of an administrator, empty where nobody signs in; `person` and `other` are ids of somebody else
    and of a token of theirs."""

    address: str
    home: Path
    token: str = ""
    person: str = ""
    other: str = ""


async def _signed(address: str, home: Path, store: Store) -> Serving:
    ada = await store.people.add(Person(id="0ada", name="Ada", email="ada@example.org", role="admin"))
    bob = await store.people.add(Person(id="0bob", name="Bob", email="bob@example.org", role="member"))
    _, secret = await store.access.add_token(ada.id, "schemathesis", ("read", "write", "admin"), None)
    other, _ = await store.access.add_token(bob.id, "other", ("read",), None)
    return Serving(address, home, secret, bob.id, other.id)


@contextmanager
def in_a_thread(worked: Worked, home: Path, *, open_to_all: bool = True) -> Generator[Serving]:
    """The whole service over a copy of what was worked, with a real engine that nobody works for."""
    shutil.copytree(worked.home, home, symlinks=True, ignore=shutil.ignore_patterns("attempts", "sandbox", "trees"))
    up: list[Serving] = []
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
            app = create_service(parts, SignIn(open=open_to_all), Rates(requests=endless, strangers=endless))
            async with listening(app) as address:
                over = asyncio.Event()
                loop = asyncio.get_running_loop()
                done.append(partial(loop.call_soon_threadsafe, over.set))
                up.append(Serving(address, home) if open_to_all else await _signed(address, home, store))
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
        yield up[0]
    finally:
        for end in done:
            end()
        thread.join()
    with contextlib.suppress(IndexError):
        raise failed[0]
