"""Tables and statements. Imported late, by the store's own thread, since SQLAlchemy takes its time to load.

A change here needs a revision in `migrations/versions`, its name in `REVISIONS`, and the same schema in both ways: a
fresh database is made from the tables at once, without the revisions, and a test holds the two against each other.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    func,
    insert,
    select,
    update,
)

REVISIONS = ("0001", "0002")
"""All revisions in their order; the last is the one of the tables below."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

task = Table(
    "task",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("prompt", Text, nullable=False),
    Column("mode", String(16), nullable=False),
    Column("repository", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("chosen", String(64)),
    Index(None, "created"),
    Index(None, "repository", "created"),
)

attempt = Table(
    "attempt",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("task_id", String(64), ForeignKey("task.id"), nullable=False),
    Column("turn", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("verdict", String(16)),
    Column("epoch", Integer, nullable=False),
    Column("holder", Text),
    Column("expires", Double, nullable=False),  # seconds since the epoch; meaningless without a holder
    UniqueConstraint("task_id", "turn", "number"),
)

event = Table(
    "event",
    metadata,
    Column("attempt_id", String(64), ForeignKey("attempt.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("body", Text, nullable=False),
)

chunk = Table(
    "chunk",
    metadata,
    Column("attempt_id", String(64), ForeignKey("attempt.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("id", String(6), nullable=False),
    Column("blob", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    UniqueConstraint("attempt_id", "id"),
)

environment = Table(
    "environment",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("repository", Text),
    Column("body", Text, nullable=False),  # the file's text
    Column("changed", Double, nullable=False),
    Index(None, "repository"),
)

secret = Table(
    "secret",
    metadata,
    Column("environment", String(64), primary_key=True),  # empty for one that is for all
    Column("name", String(128), primary_key=True),
    Column("body", Text, nullable=False),  # sealed, see `store.secrets`
    Column("changed", Double, nullable=False),
)

approval = Table(
    "approval",
    metadata,
    Column("repository", Text, primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("at", Double, nullable=False),
)
"""Which content of a repository's environment file the person has approved."""

version = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Alembic's own table, of which one row is read and, in a fresh database, written."""

ATTEMPT = select(attempt).where(attempt.c.id == bindparam("attempt"))

TAKE = (
    update(attempt)
    .where(attempt.c.id == bindparam("attempt"), attempt.c.epoch == bindparam("seen"))
    .values(epoch=attempt.c.epoch + 1, holder=bindparam("by"), expires=bindparam("until"))
)

RENEW = (
    update(attempt)
    .where(attempt.c.id == bindparam("attempt"), attempt.c.epoch == bindparam("ours"))
    .values(expires=bindparam("until"))
)
"""Renews the lease, and is the fence of every write: it changes one row, and holds it until the commit, or none."""

RELEASE = (
    update(attempt)
    .where(attempt.c.id == bindparam("attempt"), attempt.c.epoch == bindparam("ours"))
    .values(holder=None, expires=0.0)
)

ADD_EVENT = insert(event)
ADD_CHUNK = insert(chunk)
GROW_CHUNK = (
    update(chunk)
    .where(chunk.c.attempt_id == bindparam("attempt"), chunk.c.number == bindparam("place"))
    .values(blob=bindparam("blob"), size=bindparam("size"))
)

EVENTS = (
    select(event.c.seq, event.c.body)
    .where(event.c.attempt_id == bindparam("attempt"), event.c.seq > bindparam("after"))
    .order_by(event.c.seq)
)

CHUNKS = select(func.coalesce(func.max(chunk.c.number) + 1, 0)).where(chunk.c.attempt_id == bindparam("attempt"))
"""The number of the next chunk."""
