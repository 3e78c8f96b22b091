"""SQLite: one file, one thread, any number of processes of one machine."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journeyman.core.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.exc import DBAPIError

    from journeyman.store.database import Database, Heard

POLL = 0.025
"""Seconds between two looks for what other processes wrote."""


class Sqlite:
    """The database in a file below the folder `home`."""

    threads = 1

    def __init__(self, home: Path, patience: float) -> None:
        self.path = home / "journeyman.sqlite"
        self.name = str(self.path)
        self._patience = patience

    def engine(self) -> "Engine":
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return sqlite_engine(self.path, self._patience)

    @contextmanager
    def rebuilding(self, connection: "Connection") -> Generator[None]:
        """SQLite makes a table anew by dropping the old one, which its foreign keys forbid while rows refer to it. They
        can be set aside outside of transactions only; `migrate` looks at the end whether they hold."""
        driver: Any = connection.connection.driver_connection
        driver.execute("pragma foreign_keys = off").close()
        try:
            yield
        finally:
            driver.execute("pragma foreign_keys = on").close()

    def lock(self, connection: "Connection") -> None:
        """A transaction that writes holds off all others from its beginning."""

    def sign(self, connection: "Connection", about: str | None) -> None:
        """Others look for themselves, and a commit that fails has failed."""

    def signed(self, connection: "Connection", mark: str) -> bool:
        raise NotImplementedError("no commit is in doubt")

    def passes(self, error: "DBAPIError") -> bool:
        return False

    @asynccontextmanager
    async def hearing(self, database: "Database", heard: "Heard") -> AsyncGenerator[None]:
        """SQLite counts for each connection what others have committed; the one that writes is our only one."""
        seen = await database.in_thread(_foreign)

        async def poll(seen: int | None) -> None:
            while True:
                await asyncio.sleep(POLL)
                try:
                    now = await database.in_thread(_foreign)
                except StoreError:
                    seen = None  # whoever reads or writes tells of it
                    continue
                if now != seen:
                    seen = now
                    heard(None)

        polling = asyncio.create_task(poll(seen))
        try:
            yield
        finally:
            polling.cancel()
            await asyncio.wait([polling])

    def words(self, error: BaseException) -> str:
        """What happened to the database, what was kept, what to do next."""
        path = self.path
        if isinstance(error, OSError):
            return (
                f"{path.parent} cannot be used: {error.strerror or error}. Check that it is a folder that you can "
                "write to, or set JOURNEYMAN_HOME to another one."
            )
        match getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF:
            case sqlite3.SQLITE_FULL:
                return (
                    f"The disk that holds {path} is full. All that was recorded so far is kept: free some space, "
                    "then run `journeyman resume`."
                )
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
                return (
                    f"{path} cannot be written ({error}). Nothing in it was changed: make {path.parent} writable, "
                    "or set JOURNEYMAN_HOME to another folder."
                )
            case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                return (
                    f"{path} is damaged, or no database of Journeyman's ({error}). It was left as it is: put a copy in "
                    "its place, or move it away to start with an empty one."
                )
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return (
                    f"{path} is locked by another program. All that was recorded so far is kept: end that program, "
                    "then try again."
                )
            case sqlite3.SQLITE_IOERR:
                return (
                    f"The disk failed under {path} ({error}). All that was recorded so far is kept: check the disk and "
                    "its free space, then run `journeyman resume`."
                )
            case _:
                return f"{path} refused what Journeyman asked of it: {error}."


def _foreign(connection: "Connection") -> int:
    driver: Any = connection.connection.driver_connection
    return driver.execute("pragma data_version").fetchone()[0]


def sqlite_engine(path: Path, patience: float) -> "Engine":
    """An engine of a connection to read and one to write, in write-ahead mode.

    A commit survives the death of the process at once, and that of the machine after the next checkpoint.
    """
    import sqlalchemy
    from sqlalchemy import event

    engine = sqlalchemy.create_engine(
        sqlalchemy.URL.create("sqlite", database=str(path)), pool_size=2, connect_args={"timeout": patience}
    )

    def on_connect(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say so, below
        _write_ahead(connection, patience)
        connection.execute("pragma synchronous = normal").close()
        connection.execute("pragma foreign_keys = on").close()

    def on_begin(connection: "Connection") -> None:
        # A transaction that reads first and writes later could not wait for another writer, so writers say so at once.
        reads = connection.get_execution_options().get("journeyman_reads", False)
        connection.exec_driver_sql("begin" if reads else "begin immediate")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
    return engine


def _write_ahead(connection: sqlite3.Connection, patience: float) -> None:
    """Switch to write-ahead mode, for which SQLite, alone of all things, does not wait when others are connecting."""
    deadline = time.monotonic() + patience
    while True:
        try:
            connection.execute("pragma journal_mode = wal").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
