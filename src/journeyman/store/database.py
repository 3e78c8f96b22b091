"""The SQL database behind the store: one thread that runs transactions, and the border where its errors are put in
words."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from journeyman.core.errors import StoreError

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection, Engine

T = TypeVar("T")


class Database:
    """Runs jobs, each one transaction, in the order in which they come.

    A job that waits for another process's transaction gives up after `patience` seconds.
    """

    def __init__(self, home: Path, *, patience: float = 10.0) -> None:
        self.path = home / "journeyman.sqlite"
        self.name = str(self.path)
        self.on_change: Callable[[str], None] | None = None  # called in the loop's thread with the id of a task
        self._patience = patience
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._engine: Engine | None = None
        self._connections: dict[bool, Connection] = {}  # kept open, since taking one from the pool costs half an append

    async def open(self) -> None:
        """Open or make the database and bring it to the newest schema. Loads SQLAlchemy, all in the thread."""
        await self._call(self._open)

    async def read(self, job: "Callable[[Connection], T]") -> T:
        return await self._call(lambda: self._transaction(job, reads=True))

    async def write(self, job: "Callable[[Connection], T]", *, about: str | None = None) -> T:
        """Run `job`; what it wrote is there, whole, when this returns, and not at all when it raises.

        `about` is the id of the task that it changes: whoever watches that one is woken.
        """
        return await self._call(lambda: self._transaction(job, reads=False), about)

    async def foreign_changes(self) -> int:
        """A number that changes when another process changes anything, and only then."""

        return await self._call(self._foreign)

    async def close(self) -> None:
        try:
            await self._call(self._close)
        finally:
            self._thread.shutdown(wait=False)

    async def _call(self, job: Callable[[], T], about: str | None = None) -> T:
        future = asyncio.get_running_loop().run_in_executor(self._thread, job)
        if about is not None:
            future.add_done_callback(lambda done: self._changed(done, about))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])  # a transaction is never left to itself
            raise

    def _changed(self, done: "asyncio.Future[Any]", about: str) -> None:
        if self.on_change is not None and not done.cancelled() and done.exception() is None:
            self.on_change(about)

    def _open(self) -> None:
        with told(self.path):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._engine = sqlite_engine(self.path, self._patience)
            if self._transaction(_revision, reads=True) != _head():
                self._transaction(lambda connection: bring_up(connection, self.path), reads=False)

    def _transaction(self, job: "Callable[[Connection], T]", *, reads: bool) -> T:
        with told(self.path):
            connection = self._connection(reads=reads)
            with connection.begin():
                return job(connection)

    def _foreign(self) -> int:
        with told(self.path):
            driver: Any = self._connection(reads=False).connection.driver_connection
            return driver.execute("pragma data_version").fetchone()[0]

    def _connection(self, *, reads: bool) -> "Connection":
        if self._engine is None:
            raise StoreError(f"{self.path} is not open.")
        if reads not in self._connections:
            self._connections[reads] = self._engine.connect().execution_options(journeyman_reads=reads)
        return self._connections[reads]

    def _close(self) -> None:
        if self._engine is not None:
            engine, self._engine = self._engine, None
            with told(self.path):
                for connection in self._connections.values():
                    connection.close()
                engine.dispose()


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


def bring_up(connection: "Connection", path: Path) -> None:
    """Make the schema the newest one: in an empty database at once, in an older one by Alembic."""
    from sqlalchemy import insert

    from journeyman.store import schema

    found = _revision(connection)
    if found is None:
        schema.metadata.create_all(connection)
        schema.version.create(connection)
        connection.execute(insert(schema.version), {"version_num": schema.REVISIONS[-1]})
    elif found in ("", *schema.REVISIONS):
        migrate(connection)
    else:
        raise StoreError(
            f"{path} was written by a newer Journeyman (schema {found}, and this one knows {schema.REVISIONS[-1]}). "
            "It was left as it is: update Journeyman, or set JOURNEYMAN_HOME to another folder."
        )


def migrate(connection: "Connection") -> None:
    """Run Alembic's revisions up to the newest within the transaction of `connection`."""
    from alembic import command

    command.upgrade(alembic_config(connection), "head")


def alembic_config(connection: "Connection | None" = None) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _head() -> str:
    from journeyman.store import schema

    return schema.REVISIONS[-1]


def _revision(connection: "Connection") -> str | None:
    """The schema's revision as stored: None in an empty database, empty where Alembic has taken all away."""
    from sqlalchemy import inspect, select

    from journeyman.store.schema import version

    if not inspect(connection).has_table(version.name):
        return None
    return connection.execute(select(version.c.version_num)).scalar() or ""


@contextmanager
def told(path: Path) -> Generator[None]:
    """Every error of the database and its file system as a `StoreError` that says what to do."""
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    try:
        yield
    except DBAPIError as error:
        raise StoreError(in_words(error.orig or error, path)) from error
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise StoreError(in_words(error, path)) from error
    except OSError as error:
        raise StoreError(
            f"{path.parent} cannot be used: {error.strerror or error}. Check that it is a folder that you can write "
            "to, or set JOURNEYMAN_HOME to another one."
        ) from error


def in_words(error: BaseException, path: Path) -> str:
    """What happened to the database, what was kept, what to do next."""
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
                f"{path} is damaged, or no database of Journeyman's ({error}). It was left as it is: put a copy in its "
                "place, or move it away to start with an empty one."
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return (
                f"{path} is locked by another program. All that was recorded so far is kept: end that program, "
                "then try again."
            )
        case sqlite3.SQLITE_IOERR:
            return (
                f"The disk failed under {path} ({error}). All that was recorded so far is kept: check the disk and its "
                "free space, then run `journeyman resume`."
            )
        case _:
            return f"{path} refused what Journeyman asked of it: {error}."
