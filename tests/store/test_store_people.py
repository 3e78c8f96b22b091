from pathlib import Path

import pytest

from journeyman.store import open_store
from journeyman.testing.postgres import PostgresServer
from journeyman.testing.store import Backing, HandClock
from journeyman.testing.store_people import PeopleContract


class TestSqlitePeople(PeopleContract):
    @pytest.fixture
    def backing(self, tmp_path: Path, clock: HandClock) -> Backing:
        return lambda: open_store(tmp_path / "home", clock=clock)


class TestPostgresPeople(PeopleContract):
    @pytest.fixture
    def backing(self, tmp_path: Path, clock: HandClock, postgres: PostgresServer) -> Backing:
        url = postgres.emptied()
        return lambda: open_store(tmp_path / "home", url=url, clock=clock)
