"""One engine for the tests that do not kill it, and a store on both databases."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from journeyman.engine.connection import Where
from journeyman.engine.engine import Engine, open_engine
from journeyman.engine.server import server
from journeyman.store import Store, open_store
from journeyman.testing.postgres import PostgresServer
from tests.engine.engine_parts import MACHINE


@pytest.fixture(scope="session")
def where(tmp_path_factory: pytest.TempPathFactory) -> Generator[Where]:
    """An engine in a loop of its own. What former tests left in it belongs to no task of later ones' stores."""
    home = tmp_path_factory.mktemp("engine")
    up, told = threading.Event(), asyncio.Event()
    found: list[Where] = []
    loop = asyncio.new_event_loop()

    async def run() -> None:
        try:
            async with server(home, patience=60.0) as where:
                found.append(where)
                up.set()
                await told.wait()
        finally:
            up.set()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    up.wait()
    assert found, "the engine did not start"
    yield found[0]
    loop.call_soon_threadsafe(told.set)
    thread.join()
    loop.close()


@pytest.fixture
async def engine(where: Where) -> AsyncGenerator[Engine]:
    async with open_engine(where, MACHINE) as engine:
        yield engine


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str | None:
    """Where the database is; None for a file."""
    if request.param == "sqlite":
        return None
    postgres: PostgresServer = request.getfixturevalue("postgres")
    return postgres.emptied()


@pytest.fixture
async def store(tmp_path: Path, url: str | None) -> AsyncGenerator[Store]:
    async with open_store(tmp_path / "home", url=url) as store:
        yield store
