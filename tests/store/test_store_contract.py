from pathlib import Path

import pytest

from journeyman.store import open_store
from journeyman.store.chunk import SPACE, chunk_id
from journeyman.testing.postgres import PostgresServer
from journeyman.testing.store import Backing, HandClock, StoreContract


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def backing(self, tmp_path: Path, clock: HandClock) -> Backing:
        return lambda: open_store(tmp_path / "home", clock=clock)


class TestPostgresStore(StoreContract):
    @pytest.fixture
    def backing(self, tmp_path: Path, clock: HandClock, postgres: PostgresServer) -> Backing:
        url = postgres.emptied()
        return lambda: open_store(tmp_path / "home", url=url, clock=clock)


def test_no_two_chunks_of_an_attempt_share_an_id() -> None:
    count = 200_000
    assert len({chunk_id("0task.1.1", number) for number in range(count)}) == count
    assert chunk_id("0task.1.1", 0) == chunk_id("0task.1.1", SPACE) == "b153b2"
