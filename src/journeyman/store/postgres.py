"""PostgreSQL, from version 13 on: any number of processes of any number of machines."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from journeyman.core.errors import UsageError

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.exc import DBAPIError

    from journeyman.store.database import Database, Heard

CHANNEL = "journeyman"
LOCK = 0x6A6F7572
"""The advisory lock of whoever changes the schema."""

_PASSES = {
    "40001",  # serialization failure
    "40P01",  # deadlock
    "53300",  # too many connections
    "55006",  # object in use
    "57P01",  # the administrator ended the connection
    "57P02",  # the server crashed
    "57P03",  # the server is starting
    "57P05",  # idle for too long
    "25P03",  # idle in a transaction for too long: this process was stopped
}


class Postgres:
    """The database at `url` (postgresql://…). Raises `UsageError` for what is no such address."""

    threads = 6

    def __init__(self, url: str, patience: float) -> None:
        self._url = parsed(url)
        self.name = self._url.set(drivername="postgresql").render_as_string(hide_password=True)
        self._patience = patience
        self._self = secrets.token_hex(8)

    def engine(self) -> "Engine":
        import sqlalchemy

        return sqlalchemy.create_engine(
            self._url, pool_size=2 * self.threads, max_overflow=0, connect_args=self._arguments()
        )

    def _arguments(self) -> dict[str, Any]:
        """A process that hangs or a machine that is gone must not hold a row for ever, nor be waited for."""
        settings = {
            "lock_timeout": f"{max(1, round(self._patience * 1000))}",
            "idle_in_transaction_session_timeout": "20s",
            "tcp_keepalives_idle": "20",
            "tcp_keepalives_interval": "5",
            "tcp_keepalives_count": "3",
        }
        return {
            "application_name": "journeyman",
            "connect_timeout": max(2, round(self._patience)),
            "keepalives_idle": 20,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
        }

    @contextmanager
    def rebuilding(self, connection: "Connection") -> Generator[None]:
        """Tables are changed in place here."""
        yield

    def lock(self, connection: "Connection") -> None:
        connection.exec_driver_sql(f"select pg_advisory_xact_lock({LOCK})")

    def sign(self, connection: "Connection", about: str | None) -> str:
        if about is None:
            return connection.exec_driver_sql("select pg_current_xact_id()::text").scalar_one()
        query = "select pg_current_xact_id()::text, pg_notify(%s, %s)"
        return connection.exec_driver_sql(query, (CHANNEL, f"{self._self} {about}")).one()[0]

    def signed(self, connection: "Connection", mark: str) -> bool:
        from sqlalchemy.exc import DBAPIError

        try:
            status = connection.exec_driver_sql("select pg_xact_status(%s::xid8)", (mark,)).scalar_one()
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) == "22023":  # its number is not given out: it went with a crash
                return False
            raise
        if status == "in progress":  # the server has not yet noticed that the connection is gone: ask again
            gone = ConnectionError("the server has not yet ended the transaction")
            raise DBAPIError("commit", None, gone, connection_invalidated=True)
        return status == "committed"

    def passes(self, error: "DBAPIError") -> bool:
        if error.connection_invalidated:
            return True
        state: str | None = getattr(error.orig, "sqlstate", None)
        if state is not None:
            return state in _PASSES or state.startswith("08")
        # A connection that could not be made has no code; one that was made and turned down has the server's words.
        return _is_operational(error.orig) and not _turned_down(error.orig)

    @asynccontextmanager
    async def hearing(self, database: "Database", heard: "Heard") -> AsyncGenerator[None]:
        import psycopg

        try:
            connection = await self._listen()
        except psycopg.Error:
            connection = None  # it is tried again below

        async def listen(connection: "AsyncConnection | None") -> None:
            while True:
                try:
                    if connection is None:
                        connection = await self._listen()
                        heard(None)  # what came in between was not heard
                    async for notice in connection.notifies():
                        sender, _, task_id = notice.payload.partition(" ")
                        if sender != self._self:
                            heard(task_id)
                except psycopg.Error:
                    pass
                finally:
                    if connection is not None:
                        await connection.close()
                connection = None
                await asyncio.sleep(0.2)

        listening = asyncio.create_task(listen(connection))
        try:
            yield
        finally:
            listening.cancel()
            await asyncio.wait([listening])

    async def _listen(self) -> "AsyncConnection":
        from psycopg import AsyncConnection
        from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

        dialect: Any = PGDialect_psycopg()
        _, arguments = dialect.create_connect_args(self._url)
        connection = await AsyncConnection.connect(**arguments, **self._arguments(), autocommit=True)
        await connection.execute(f"listen {CHANNEL}")
        return connection

    def words(self, error: BaseException) -> str:
        """What happened to the database, what was kept, what to do next."""
        told = " ".join(str(error).split("\n", 1)[0].split())
        state: str | None = getattr(error, "sqlstate", None)
        match state:
            case "53100":
                return (
                    f"The disk of {self.name} is full. All that was recorded so far is kept: free some space there, "
                    "then run `journeyman resume`."
                )
            case "55P03":
                return (
                    f"{self.name} is locked by another program. All that was recorded so far is kept: end that "
                    "program, then try again."
                )
            case "42501" | "25006":
                return f"{self.name} cannot be written ({told}). Nothing in it was changed: give its user the right to."
            case None if _turned_down(error):
                return f"{self.name} does not let us in ({told}). Check the setting `store`: user, password, database."
            case _:
                pass
        if isinstance(error, OSError) or _is_operational(error):
            return (
                f"{self.name} cannot be reached ({told}). All that was recorded so far is kept: see that the server "
                "runs and that the setting `store` is right, then try again."
            )
        return f"{self.name} refused what Journeyman asked of it: {told}."


def parsed(url: str) -> "URL":
    """The address for SQLAlchemy. Raises `UsageError`, without the address, which may hold a password."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    with suppress(ArgumentError, ValueError):
        found = make_url(url)
        if found.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
            return found.set(drivername="postgresql+psycopg")
    raise UsageError("The setting `store` must be an address of the form postgresql://user:password@host/database.")


def _is_operational(error: BaseException | None) -> bool:
    import psycopg

    return isinstance(error, psycopg.OperationalError)


def _turned_down(error: BaseException | None) -> bool:
    """Whether the server does not want us, rather than being away or starting: such an error has no code, and words
    of the server's language; in another one than English it is taken for an absence."""
    final = ("authentication failed", "does not exist", "pg_hba.conf", "permission denied", "not permitted to log in")
    return "FATAL:" in str(error) and any(words in str(error) for words in final)
