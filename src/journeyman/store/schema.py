"""Tables. Imported late, by the store's own thread, since SQLAlchemy takes its time to load.

A change here needs a revision in `migrations/versions`, its name in `REVISIONS`, and the same schema in both ways: a
fresh database is made from the tables at once, without the revisions, and a test holds the two against each other.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.event import listens_for

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006")
"""All revisions in their order; the last is the one of the tables below."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_ordered = String(64).with_variant(String(64, collation="C"), "postgresql")
"""Compared by its bytes, as SQLite does: the beginning of an id finds it along the index."""

task = Table(
    "task",
    metadata,
    Column("id", _ordered, primary_key=True),
    Column("prompt", Text, nullable=False),
    Column("mode", String(16), nullable=False),
    Column("repository", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("chosen", String(64)),
    Column("updated", Double, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("owner", String(64)),
    Column("group", String(64)),
    Column("environment", String(64), nullable=False),
    Column("ref", Text),
    Column("parent", String(64)),
    Column("priority", Integer, nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("origin", String(16), nullable=False),
    Column("schedule", String(64)),
    Column("budget", Text, nullable=False),  # JSON
    Column("reason", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("key", String(128)),  # the idempotency key of its creation: a digest of it and the owner
    Column("words", Text, nullable=False),  # what a search looks at, see `rows.words`
    Column("applied", String(64)),
    Index(None, "created"),
    Index(None, "repository", "created"),
    Index(None, "updated", "id"),
    Index(None, "archived", "updated", "id"),
    Index(None, "owner", "archived", "updated", "id"),
    Index(None, "group", "archived", "updated", "id"),
    Index(None, "status", "archived", "updated", "id"),
    Index(None, "parent"),
    UniqueConstraint("key"),
)


@listens_for(task, "after_create")
def _make_index(_table: Table, connection: Connection, **_options: object) -> None:
    from journeyman.store.search import make_index

    make_index(connection)


turn = Table(
    "turn",
    metadata,
    Column("task_id", String(64), ForeignKey("task.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("request", Text, nullable=False),  # JSON
    Column("author", String(64)),
    Column("created", Double, nullable=False),
    Column("status", String(16), nullable=False),
    Column("chosen", String(64)),
    Column("continues", String(64)),
    Column("reason", Text, nullable=False),
    Column("machine", String(64)),
    Column("key", String(128)),  # the idempotency key of its creation
    UniqueConstraint("task_id", "key"),
)

message = Table(
    "message",
    metadata,
    Column("task_id", String(64), ForeignKey("task.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Column("author", String(64)),
    Column("at", Double, nullable=False),
    Column("attempt", String(64)),
    Column("key", String(128)),
    UniqueConstraint("task_id", "key"),
)

seen = Table(
    "seen",
    metadata,
    Column("person", String(64), primary_key=True),
    Column("task_id", String(64), ForeignKey("task.id"), primary_key=True),
    Column("seq", Integer, nullable=False),
)
"""Up to which of a task's events a person has read."""

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
    Column("began", Double),
    Column("ended", Double),
    Column("summary", Text, nullable=False),  # JSON
    Column("tokens", BigInteger, nullable=False),  # of the summary's usage: what is read and written
    Column("cost", Double, nullable=False),
    UniqueConstraint("task_id", "turn", "number"),
    Index(None, "began"),
)

event = Table(
    "event",
    metadata,
    Column("attempt_id", String(64), ForeignKey("attempt.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("body", Text, nullable=False),
    Column("task_id", String(64), ForeignKey("task.id"), nullable=False),
    Column("place", Integer, nullable=False),  # its number among the events of all attempts of the task, from 1
    UniqueConstraint("task_id", "place"),
    Index(None, "attempt_id", "kind", "seq"),
)

chunk = Table(
    "chunk",
    metadata,
    Column("attempt_id", String(64), ForeignKey("attempt.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("id", String(6), nullable=False),
    Column("blob", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("timing", Text),  # JSON, see `store.chunk`; null where it was not written down
    UniqueConstraint("attempt_id", "id"),
)

mention = Table(
    "mention",
    metadata,
    Column("task_id", String(64), ForeignKey("task.id"), primary_key=True),
    Column("seq", Integer, nullable=False),  # how many events the task had then
    Column("thin", Boolean, nullable=False),  # its outputs were given up
    Column("blobs", LargeBinary, nullable=False),  # 32 bytes each
)
"""Which blobs a task needs, as the last collection of garbage found it."""

lasting = Table(
    "lasting",
    metadata,
    Column("blob", String(64), primary_key=True),
    Column("until", Double, nullable=False),
)
"""Blobs that no task mentions and which are kept all the same, until then."""

environment = Table(
    "environment",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("repository", Text),
    Column("body", Text, nullable=False),  # the file's text
    Column("changed", Double, nullable=False),
    Column("owner", String(64)),
    Column("group", String(64)),
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

person = Table(
    "person",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("email", String(320), nullable=False),
    Column("role", String(16), nullable=False),
    Column("subject", Text),
    Column("disabled", Boolean, nullable=False),
    Column("created", Double, nullable=False),
    Column("password", Text),  # argon2id, in its own notation
    UniqueConstraint("email"),
    UniqueConstraint("subject"),
)

group = Table(
    "group",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(128), nullable=False),
    UniqueConstraint("name"),
)

membership = Table(
    "membership",
    metadata,
    Column("group", String(64), ForeignKey("group.id"), primary_key=True),
    Column("person", String(64), ForeignKey("person.id"), primary_key=True),
    Index(None, "person"),
)

token = Table(
    "token",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("person", String(64), ForeignKey("person.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", String(64), nullable=False),  # SHA-256 of the secret, which has 256 bits of chance itself
    Column("scopes", Text, nullable=False),  # with spaces between
    Column("created", Double, nullable=False),
    Column("expires", Double),
    Column("used", Double),
    UniqueConstraint("digest"),
    Index(None, "person"),
)

session = Table(
    "session",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("person", String(64), ForeignKey("person.id"), nullable=False),
    Column("created", Double, nullable=False),
    Column("expires", Double, nullable=False),
    Index(None, "person"),
)
"""A browser that is signed in, by the digest of its cookie."""

invitation = Table(
    "invitation",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("email", String(320)),
    Column("expires", Double, nullable=False),
    Column("created", Double, nullable=False),
    Column("groups", Text, nullable=False),  # with spaces between
    Column("person", String(64), ForeignKey("person.id")),
)
"""A link that works once: whoever follows it sets a name and a password; with `person` a new password for them."""

quota = Table(
    "quota",
    metadata,
    Column("of", String(80), primary_key=True),
    Column("body", Text, nullable=False),  # JSON
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Double, nullable=False),
    Column("person", String(64)),
    Column("act", String(64), nullable=False),
    Column("target", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("address", String(64), nullable=False),
    Index(None, "at"),
)

schedule = Table(
    "schedule",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("body", Text, nullable=False),  # JSON
    Column("owner", String(64)),
    Column("group", String(64)),
)

model = Table(
    "model",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("body", Text, nullable=False),  # JSON, a `ModelSettings`
    Column("changed", Double, nullable=False),
)
"""Models that an administrator added, beside those of each machine's own settings."""

worker = Table(
    "worker",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("body", Text, nullable=False),  # JSON, an `Offer`
    Column("seen", Double, nullable=False),
)

job = Table(
    "job",
    metadata,
    Column("task_id", String(64), primary_key=True),
    Column("turn", Integer, primary_key=True),
    Column("owner", String(64)),
    Column("group", String(64)),
    Column("model", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("created", Double, nullable=False),
    Column("admitted", Double),
    Index(None, "owner"),
    Index(None, "group"),
    Index(None, "model"),
)
"""The turns that the engine has in hand, from when a worker first looks at them until they are concluded. They count
against the limits of their person, group and model from when they are admitted."""

draft = Table(
    "draft",
    metadata,
    Column("attempt_id", String(64), primary_key=True),
    Column("task_id", String(64), nullable=False),
    Column("epoch", Integer, nullable=False),  # that of the attempt's holder: of no other one is it a reply
    Column("version", Integer, nullable=False),  # each store of it has another one
    Column("since", Integer, nullable=False),  # the last event of the attempt when the reply began
    Column("written", Integer, nullable=False),
    Column("reasoning", Text, nullable=False),
    Column("text", Text, nullable=False),
    Index(None, "task_id"),
)
"""Replies that are being written, of tasks that somebody watches. See `store.drafts`."""

watched = Table(
    "watched",
    metadata,
    Column("task_id", String(64), primary_key=True),
    Column("until", Double, nullable=False),
)
"""Tasks whose drafts somebody wants to see."""

forge = Table(
    "forge",
    metadata,
    Column("name", String(300), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("address", Text, nullable=False),
    Column("api", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("token", Text, nullable=False),  # sealed, see `store.secrets`
    Column("checked", Double),
    Column("error", Text, nullable=False),
)

pull_request = Table(
    "pull_request",
    metadata,
    Column("task_id", String(64), primary_key=True),
    Column("attempt_id", String(64), nullable=False),
    Column("pending", Boolean, nullable=False),
    Column("at", Double, nullable=False),
    Column("looked", Double, nullable=False),
    Index(None, "pending", "looked"),
)
"""The newest pull request of each task that was opened from here: the attempt whose log tells of it, whether something
may still become of it, when it changed last and when the forge was asked last. See `store.pulls`."""

version = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Alembic's own table, of which one row is read and, in a fresh database, written."""


def insert_new(connection: Connection, table: Table, row: dict[str, Any], *unique: str) -> bool:
    """Insert `row` unless one with the same values in the columns `unique` is there; tells whether it did."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).on_conflict_do_nothing(index_elements=unique).returning(table.c[unique[0]])
    return connection.execute(statement, row).first() is not None
