"""The SQL database behind the store: threads that run transactions, again where a connection was lost, and the border
where its errors are put in words."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from journeyman.core.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.exc import DBAPIError

T = TypeVar("T")
Heard = Callable[[str | None], None]
"""Called in the loop's thread with the id of a task that another process changed; None for "something, look"."""


class Unsettled(StoreError):
    """The connection was lost during a commit, and whether it came about could not be found out."""


class Backend(Protocol):
    """What SQLite and PostgreSQL differ in. All but `hearing` is called in the database's threads."""

    name: str
    """For people; without a password."""
    threads: int

    def engine(self) -> "Engine": ...

    def rebuilding(self, connection: "Connection") -> AbstractContextManager[None]:
        """While it lasts, `connection` may make tables anew that others refer to."""
        ...

    def lock(self, connection: "Connection") -> None:
        """Hold off other processes that are about to change the schema, until the end of the transaction."""
        ...

    def sign(self, connection: "Connection", about: str | None) -> str | None:
        """The last words of a transaction that writes: tell other processes `about` which task it is. Returns by what
        `signed` finds out whether it was committed, None where a commit that fails has certainly failed."""
        ...

    def signed(self, connection: "Connection", mark: str) -> bool: ...

    def passes(self, error: "DBAPIError") -> bool:
        """Whether the transaction has certainly not been committed, or not certainly, and may be tried again."""
        ...

    def words(self, error: BaseException) -> str:
        """What happened to the database, what was kept, what to do next."""
        ...

    def hearing(self, database: "Database", heard: Heard) -> AbstractAsyncContextManager[None]:
        """Call `heard` for every change of another process from here on."""
        ...


class Database:
    """Runs jobs, each one transaction; SQLite in the order in which they come.

    A job may run more than once, where its transaction was lost. One that waits for another process's transaction, or
    for the server, gives up after `patience` seconds.
    """

    def __init__(self, backend: Backend, *, patience: float = 10.0) -> None:
        self.name = backend.name
        self.on_change: Callable[[str, str | None], None] | None = None
        """Called in the loop's thread: which task was changed, and by which attempt."""
        self._backend = backend
        self._patience = patience
        self._threads = ThreadPoolExecutor(backend.threads, thread_name_prefix="store")
        self._engine: Engine | None = None
        self._mine = threading.local()  # connections are kept: taking one from the pool costs half an append
        self._all: list[Connection] = []

    async def open(self) -> None:
        """Open or make the database and bring it to the newest schema. Loads SQLAlchemy, all in the thread."""
        await self._call(self._open)

    async def read(self, job: "Callable[[Connection], T]") -> T:
        return await self._call(lambda: self._run(job, reads=True))

    async def write(
        self,
        job: "Callable[[Connection], T]",
        *,
        about: str | None = None,
        by: str | None = None,
        landed: "Callable[[Connection], bool] | None" = None,
    ) -> T:
        """Run `job`; what it wrote is there, whole, when this returns, and not at all when it raises.

        `about` is the id of the task that it changes: whoever watches that one is woken, but for those
        who do not care for what `by` writes. `landed` tells whether an
        earlier try was committed, where that can be seen in the data. Raises `Unsettled` when it cannot be found out.
        """
        return await self._call(lambda: self._run(job, reads=False, about=about, landed=landed), about, by)

    @asynccontextmanager
    async def hearing(self, heard: Heard) -> AsyncGenerator[None]:
        """Call `heard` for every change of another process while the body runs."""
        async with self._backend.hearing(self, heard):
            yield

    async def in_thread(self, job: "Callable[[Connection], T]") -> T:
        """Run `job` with the connection that writes, outside of any transaction."""

        def run() -> T:
            with told(self._backend):
                return job(self._connection(reads=False))

        return await self._call(run)

    async def close(self) -> None:
        engine, self._engine = self._engine, None  # what still tries again gives up
        try:
            if engine is not None:
                await self._call(lambda: self._close(engine))
        finally:
            self._threads.shutdown(wait=False)

    async def _call(self, job: Callable[[], T], about: str | None = None, by: str | None = None) -> T:
        future = asyncio.get_running_loop().run_in_executor(self._threads, job)
        if about is not None:
            future.add_done_callback(lambda done: self._changed(done, about, by))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])  # a transaction is never left to itself
            raise

    def _changed(self, done: "asyncio.Future[Any]", about: str, by: str | None) -> None:
        if self.on_change is not None and not done.cancelled() and done.exception() is None:
            self.on_change(about, by)

    def _open(self) -> None:
        from journeyman.store.migrate import bring_up, head, revision

        with told(self._backend):
            self._engine = self._backend.engine()
        if self._run(revision, reads=True) != head():
            with told(self._backend), self._backend.rebuilding(self._connection(reads=False)):
                self._run(lambda connection: bring_up(connection, self._backend), reads=False)

    def _run(
        self,
        job: "Callable[[Connection], T]",
        *,
        reads: bool,
        about: str | None = None,
        landed: "Callable[[Connection], bool] | None" = None,
    ) -> T:
        from sqlalchemy.exc import DBAPIError

        deadline = time.monotonic() + self._patience
        pause = 0.02
        doubt: _Doubt[T] | None = None
        while True:
            try:
                with told(self._backend):
                    try:
                        if doubt is not None and self._settled(doubt, landed):
                            return doubt.result
                        doubt = None
                        return self._transaction(job, reads, about)
                    except _Doubtful as error:
                        doubt = error.doubt
                        raise error.cause from None
            except StoreError as error:
                cause = error.__cause__
                again = isinstance(cause, DBAPIError) and self._backend.passes(cause) and self._engine is not None
                if not again or time.monotonic() > deadline:
                    if doubt is not None:
                        raise Unsettled(f"{error} Whether the last of it was kept could not be found out.") from cause
                    raise
                time.sleep(pause)
                pause = min(2 * pause, 0.5)

    def _settled(self, doubt: "_Doubt[Any]", landed: "Callable[[Connection], bool] | None") -> bool:
        def look(connection: "Connection") -> bool:
            return landed(connection) if landed is not None else self._backend.signed(connection, doubt.mark)

        return self._transaction(look, True, None)

    def _transaction(self, job: "Callable[[Connection], T]", reads: bool, about: str | None) -> T:
        from sqlalchemy.exc import DBAPIError

        connection = self._connection(reads=reads)
        transaction = connection.begin()
        try:
            result = job(connection)
            mark = None if reads else self._backend.sign(connection, about)
        except BaseException:
            transaction.rollback()
            raise
        try:
            transaction.commit()
        except DBAPIError as error:
            transaction.rollback()
            if mark is not None and self._backend.passes(error):
                raise _Doubtful(_Doubt(mark, result), error) from error
            raise
        return result

    def _connection(self, *, reads: bool) -> "Connection":
        engine = self._engine
        if engine is None:
            raise StoreError(f"{self.name} is not open.")
        name = "reads" if reads else "writes"
        kept: Connection | None = getattr(self._mine, name, None)
        if kept is None or kept.invalidated or kept.closed:
            if kept is not None:
                setattr(self._mine, name, None)
                self._all.remove(kept)
                kept.close()
            kept = engine.connect().execution_options(journeyman_reads=reads)
            setattr(self._mine, name, kept)
            self._all.append(kept)
        return kept

    def _close(self, engine: "Engine") -> None:
        with told(self._backend):
            for connection in self._all:
                with suppress(StoreError), told(self._backend):
                    connection.close()
            engine.dispose()


class _Doubt(Generic[T]):
    """A transaction of which it is not known whether it was committed, and what it would have returned."""

    def __init__(self, mark: str, result: T) -> None:
        self.mark = mark
        self.result = result


class _Doubtful(Exception):
    def __init__(self, doubt: _Doubt[Any], cause: "DBAPIError") -> None:
        super().__init__(str(cause))
        self.doubt = doubt
        self.cause = cause


@contextmanager
def told(backend: Backend) -> Generator[None]:
    """Every error of the database and its file system as a `StoreError` that says what to do."""
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    try:
        yield
    except DBAPIError as error:
        raise StoreError(backend.words(error.orig or error)) from error
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise StoreError(backend.words(error)) from error
