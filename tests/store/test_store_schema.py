"""A fresh database, one brought up by Alembic, and one that is too new."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.command import downgrade, upgrade
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, insert, inspect, text

from journeyman.core.errors import StoreError
from journeyman.store import open_store
from journeyman.store.database import Backend, Database
from journeyman.store.migrate import alembic_config, bring_up, migrate
from journeyman.store.postgres import Postgres
from journeyman.store.pulls import Pull
from journeyman.store.rows import attempt_row, task_row
from journeyman.store.schema import REVISIONS, metadata
from journeyman.store.sqlite import Sqlite, sqlite_engine
from journeyman.testing.store import a_task, an_attempt
from journeyman.testing.store_forges import HUB, TOKEN, a_pull, told

SEARCH = ("task_words", "task_number")
"""Tables that SQLite has for its index of words alone."""


def described(engine: Engine) -> dict[str, object]:
    """Everything about the tables that a database can tell, as values."""
    with engine.connect() as connection:
        inspector = inspect(connection)
        return {
            table: {
                "columns": {
                    column["name"]: {**column, "type": str(column["type"])} for column in inspector.get_columns(table)
                },
                "primary key": inspector.get_pk_constraint(table),
                "foreign keys": sorted(inspector.get_foreign_keys(table), key=str),
                "unique": sorted(inspector.get_unique_constraints(table), key=str),
                "indexes": sorted(inspector.get_indexes(table), key=str),
            }
            for table in inspector.get_table_names()
            if not table.startswith(SEARCH)
        }


def triggers(engine: Engine) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        rows = connection.execute(text("select name, sql from sqlite_master where type = 'trigger' order by name"))
        return [(row.name, row.sql) for row in rows]


@pytest.fixture(params=["sqlite", "postgresql"])
def make_backend(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Backend]:
    """Makes an empty database of its name."""

    def make(name: str) -> Backend:
        if request.param == "sqlite":
            (tmp_path / name).mkdir()
            return Sqlite(tmp_path / name, 1.0)
        return Postgres(request.getfixturevalue("postgres").fresh(), 30.0)

    return make


def test_a_fresh_database_equals_a_migrated_one(make_backend: Callable[[str], Backend]) -> None:
    backends = make_backend("fresh"), make_backend("migrated")
    fresh, migrated = (backend.engine() for backend in backends)
    with fresh.begin() as connection:
        bring_up(connection, backends[0])
    with migrated.begin() as connection:
        migrate(connection)
    tables = described(fresh)
    assert tables == described(migrated)
    if fresh.dialect.name == "sqlite":
        assert len(triggers(fresh)) == 3 and triggers(fresh) == triggers(migrated)
    else:
        assert "ix_task_words" in str(tables["task"])
    assert {*metadata.tables, "alembic_version"} == tables.keys()
    for engine in (fresh, migrated):
        with engine.connect() as connection:
            assert MigrationContext.configure(connection).get_current_heads() == (REVISIONS[-1],)
    with migrated.begin() as connection:
        downgrade(alembic_config(connection), "base")
    assert described(migrated).keys() == {"alembic_version"}
    with migrated.begin() as connection:
        bring_up(connection, backends[1])
    assert tables == described(migrated)
    for engine in (fresh, migrated):
        engine.dispose()


def test_the_revisions_are_those_of_the_folder() -> None:
    scripts = list(ScriptDirectory.from_config(alembic_config()).walk_revisions())
    assert tuple(script.revision for script in reversed(scripts)) == REVISIONS


async def test_an_older_database_is_brought_up_by_alembic(tmp_path: Path) -> None:
    engine = sqlite_engine(tmp_path / "journeyman.sqlite", 1.0)
    with engine.begin() as connection:
        migrate(connection)
        downgrade(alembic_config(connection), "base")
    assert described(engine).keys() == {"alembic_version"}
    engine.dispose()
    async with open_store(tmp_path) as store:
        await store.create(a_task(), [])
    assert described(engine).keys() == {*metadata.tables, "alembic_version"}
    engine.dispose()


async def test_tasks_of_an_older_database_are_there_after_it_is_brought_up(tmp_path: Path) -> None:
    engine = sqlite_engine(tmp_path / "journeyman.sqlite", 1.0)
    with engine.begin() as connection:
        upgrade(alembic_config(connection), "0002")
        connection.execute(
            text(
                "insert into task (id, prompt, mode, repository, model, created, attempts, status, title)"
                " values ('0task', 'Fix it', 'code', '/shop', 'm', 1.0, 1, 'interrupted', 'Fix it')"
            )
        )
        connection.execute(
            text(
                "insert into attempt (id, task_id, turn, number, status, epoch, expires)"
                " values ('0task.1.1', '0task', 1, 1, 'interrupted', 1, 0.0)"
            )
        )
        body = '{"kind": "progressed", "text": "Looking"}'
        connection.execute(text("insert into event values ('0task.1.1', 1, 'progressed', :body)"), {"body": body})
    engine.dispose()
    async with open_store(tmp_path) as store:
        assert (await store.task("0task")).prompt == "Fix it"
        assert [event.kind for event in await store.events("0task.1.1")] == ["progressed"]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_a_database_of_before_forges_goes_on(
    tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres").fresh() if database == "postgresql" else None
    engine = (Postgres(url, 30.0) if url else Sqlite(tmp_path, 1.0)).engine()
    with engine.begin() as connection:
        upgrade(alembic_config(connection), "0005")
    assert "task" in described(engine) and "forge" not in described(engine)
    with engine.begin() as connection:
        connection.execute(insert(metadata.tables["task"]), {**task_row(a_task()), "key": None})
        connection.execute(insert(metadata.tables["attempt"]), attempt_row(an_attempt()))
    engine.dispose()
    async with open_store(tmp_path, url=url) as store:
        await told(store, "0task.1.1", a_pull())
        assert await store.pulls.of("0task") == Pull("0task", "0task.1.1", a_pull())
        assert await store.forges.put(HUB, TOKEN)
        assert await store.forges.token(HUB.name) == TOKEN


async def test_foreign_keys_hold_again_after_a_migration(tmp_path: Path) -> None:
    engine = sqlite_engine(tmp_path / "journeyman.sqlite", 1.0)
    with engine.begin() as connection:
        upgrade(alembic_config(connection), "0002")
    engine.dispose()
    database = Database(Sqlite(tmp_path, 1.0), patience=1.0)
    await database.open()
    try:
        assert await database.write(lambda connection: connection.exec_driver_sql("pragma foreign_keys").scalar()) == 1
        assert await database.read(lambda connection: connection.exec_driver_sql("pragma foreign_keys").scalar()) == 1
    finally:
        await database.close()


async def test_a_newer_database_is_left_alone(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.create(a_task(), [])
    change(tmp_path, "update alembic_version set version_num = '9999'")
    before = (tmp_path / "journeyman.sqlite").read_bytes()
    with pytest.raises(StoreError, match=r"newer Journeyman \(schema 9999, and this one knows 0006\).*left as it is"):
        async with open_store(tmp_path):
            pass
    assert (tmp_path / "journeyman.sqlite").read_bytes() == before


OPEN = """
import asyncio, sys, time
from pathlib import Path
from journeyman.store import open_store
import sqlalchemy, journeyman.store.schema
async def main():
    print("ready", flush=True)
    sys.stdin.read()
    async with open_store(Path(sys.argv[1]), url=sys.argv[2] or None) as store:
        print(len(await store.tasks()))
asyncio.run(main())
"""


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_many_processes_make_one_database(tmp_path: Path, database: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("postgres").fresh() if database == "postgresql" else ""
    program = [sys.executable, "-c", OPEN, str(tmp_path), url]
    children = [subprocess.Popen(program, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(3)]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.close()
    for child in children:
        assert child.stdout is not None
        with child.stdout as answer:
            assert answer.read() == "0\n"
        assert child.wait() == 0


CONNECT = """
import multiprocessing, sys, sqlalchemy.dialects.sqlite
from pathlib import Path
from journeyman.store.sqlite import sqlite_engine

def connect(path, barrier):
    engine = sqlite_engine(path, 10.0)
    barrier.wait()
    with engine.begin() as connection:
        assert connection.exec_driver_sql("pragma journal_mode").scalar_one() == "wal"

fork = multiprocessing.get_context("fork")
for round_ in range(20):
    barrier = fork.Barrier(6)
    processes = [fork.Process(target=connect, args=(Path(sys.argv[1]) / f"{round_}", barrier)) for _ in range(6)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 6, round_
"""


def test_many_processes_switch_to_write_ahead_mode_at_once(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", CONNECT, str(tmp_path)], check=True)


def test_opening_loads_sqlalchemy_late_and_alembic_never(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from pathlib import Path
from journeyman.store import open_store
heavy = {"sqlalchemy", "alembic", "obstore"}
print(sorted(heavy & set(sys.modules)))
async def main():
    async with open_store(Path(sys.argv[1])):
        print(sorted(heavy & set(sys.modules)))
asyncio.run(main())
"""
    for _ in ("fresh", "again"):
        answer = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
        )
        assert answer.stdout == "[]\n['sqlalchemy']\n"


def change(home: Path, statement: str) -> None:
    engine = sqlite_engine(home / "journeyman.sqlite", 1.0)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()
