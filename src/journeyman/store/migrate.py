"""The schema of a database, brought to the newest one."""

from pathlib import Path
from typing import TYPE_CHECKING

from journeyman.core.errors import StoreError

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

    from journeyman.store.database import Backend


def bring_up(connection: "Connection", backend: "Backend") -> None:
    """Make the schema the newest one: in an empty database at once, in an older one by Alembic."""
    from sqlalchemy import insert

    from journeyman.store import schema

    backend.lock(connection)
    found = revision(connection)
    if found is None:
        schema.metadata.create_all(connection)
        schema.version.create(connection)
        connection.execute(insert(schema.version), {"version_num": schema.REVISIONS[-1]})
    elif found in ("", *schema.REVISIONS):
        migrate(connection)
    else:
        raise StoreError(
            f"{backend.name} was written by a newer Journeyman (schema {found}, and this one knows "
            f"{schema.REVISIONS[-1]}). It was left as it is: update Journeyman, or let it use another database."
        )


def migrate(connection: "Connection") -> None:
    """Run Alembic's revisions up to the newest within the transaction of `connection`."""
    from alembic import command

    command.upgrade(alembic_config(connection), "head")
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("pragma foreign_key_check").first():
        raise StoreError(
            "The database could not be brought to the newest schema: rows in it refer to others that are missing. It "
            "was left as it is: put a copy in its place, or move it away to start with an empty one."
        )


def alembic_config(connection: "Connection | None" = None) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def head() -> str:
    from journeyman.store import schema

    return schema.REVISIONS[-1]


def revision(connection: "Connection") -> str | None:
    """The schema's revision as stored: None in an empty database, empty where Alembic has taken all away."""
    from sqlalchemy import inspect, select

    from journeyman.store.schema import version

    if not inspect(connection).has_table(version.name):
        return None
    return connection.execute(select(version.c.version_num)).scalar() or ""
