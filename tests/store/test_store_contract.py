from pathlib import Path

import pytest

from journeyman.store import open_store
from journeyman.store.chunk import SPACE, chunk_id
from journeyman.testing.postgres import PostgresServer
from journeyman.testing.s3 import S3Server
from journeyman.testing.store import Backing, HandClock, StoreContract


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def backing(self, tmp_path: Path, clock: HandClock) -> Backing:
        return lambda: open_store(tmp_path / "home", clock=clock)


class TestPostgresAndS3Store(StoreContract):
    @pytest.fixture
    def backing(
        self,
        tmp_path: Path,
        clock: HandClock,
        postgres: PostgresServer,
        s3: S3Server,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Backing:
        for name, value in s3.environ.items():
            monkeypatch.setenv(name, value)
        url, bucket = postgres.emptied(), s3.bucket()
        return lambda: open_store(tmp_path / "home", url=url, blobs=f"{bucket}/journeyman", clock=clock)


def test_no_two_chunks_of_an_attempt_share_an_id() -> None:
    count = 200_000
    assert len({chunk_id("0task.1.1", number) for number in range(count)}) == count
    assert chunk_id("0task.1.1", 0) == chunk_id("0task.1.1", SPACE) == "b153b2"
