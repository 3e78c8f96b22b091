"""What the service needs: turns, messages, people, and a task's own count of its events."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _tasks()
    _attempts()
    _events()
    _environments()
    _turns()
    _people()
    _rest()


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("task", "id", type_=sa.String(64), existing_nullable=False)
    op.drop_table("job")
    for table in ("worker", "schedule", "audit", "quota", "invitation", "session", "token", "membership", "group"):
        op.drop_table(table)
    for table in ("model", "person", "lasting", "mention", "seen", "message", "turn"):
        op.drop_table(table)
    with op.batch_alter_table("environment") as table:
        table.drop_column("group")
        table.drop_column("owner")
    with op.batch_alter_table("chunk") as table:
        table.drop_column("timing")
    with op.batch_alter_table("event") as table:
        table.drop_index("ix_event_attempt_id_kind_seq")
        table.drop_constraint("uq_event_task_id_place", type_="unique")
        table.drop_constraint("fk_event_task_id", type_="foreignkey")
        table.drop_column("place")
        table.drop_column("task_id")
    with op.batch_alter_table("attempt") as table:
        table.drop_index("ix_attempt_began")
        for column in ("cost", "tokens", "summary", "ended", "began"):
            table.drop_column(column)
    with op.batch_alter_table("task") as table:
        for index in ("updated_id", "owner_updated", "group_updated", "status_updated", "parent"):
            table.drop_index(f"ix_task_{index}")
        table.drop_constraint("uq_task_key", type_="unique")
        for column in (
            "words",
            "key",
            "seq",
            "reason",
            "budget",
            "schedule",
            "origin",
            "archived",
            "priority",
            "parent",
        ):
            table.drop_column(column)
        for column in ("ref", "environment", "group", "owner", "turn", "updated"):
            table.drop_column(column)


def _filled(table: str, columns: dict[str, tuple[sa.types.TypeEngine[Any], str]]) -> None:
    """Add columns that are never null, and fill those of the rows that are there by an SQL expression each."""
    with op.batch_alter_table(table) as batch:
        for name, (kind, _) in columns.items():
            batch.add_column(sa.Column(name, kind))
    quoted = op.get_bind().dialect.identifier_preparer.quote
    op.execute(
        f"update {quoted(table)} set " + ", ".join(f"{quoted(name)} = {to}" for name, (_, to) in columns.items())
    )


def _never_null(table: str, columns: dict[str, tuple[sa.types.TypeEngine[Any], str]]) -> None:
    with op.batch_alter_table(table) as batch:
        for name, (kind, _) in columns.items():
            batch.alter_column(name, existing_type=kind, nullable=False)


def _tasks() -> None:
    filled: dict[str, tuple[sa.types.TypeEngine[Any], str]] = {
        "updated": (sa.Double(), "created"),
        "turn": (sa.Integer(), "1"),
        "environment": (sa.String(64), "'off'"),
        "priority": (sa.Integer(), "3"),
        "archived": (sa.Boolean(), "false"),
        "origin": (sa.String(16), "'cli'"),
        "budget": (sa.Text(), "'{}'"),
        "reason": (sa.Text(), "''"),
        "words": (sa.Text(), "lower(title || ' ' || substr(prompt, 1, 2000))"),
        "seq": (
            sa.Integer(),
            "(select count(*) from event join attempt on attempt.id = event.attempt_id "
            "where attempt.task_id = task.id)",
        ),
    }
    _filled("task", filled)
    _never_null("task", filled)
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("task", "id", type_=sa.String(64, collation="C"), existing_nullable=False)
    with op.batch_alter_table("task") as batch:
        for name, kind in (("owner", sa.String(64)), ("group", sa.String(64)), ("ref", sa.Text())):
            batch.add_column(sa.Column(name, kind))
        for name, kind in (("parent", sa.String(64)), ("schedule", sa.String(64)), ("key", sa.String(128))):
            batch.add_column(sa.Column(name, kind))
        batch.create_index("ix_task_updated_id", ["updated", "id"])
        batch.create_index("ix_task_owner_updated", ["owner", "updated"])
        batch.create_index("ix_task_group_updated", ["group", "updated"])
        batch.create_index("ix_task_status_updated", ["status", "updated"])
        batch.create_index("ix_task_parent", ["parent"])
        batch.create_unique_constraint("uq_task_key", ["key"])


def _attempts() -> None:
    filled: dict[str, tuple[sa.types.TypeEngine[Any], str]] = {
        "summary": (sa.Text(), "'{}'"),
        "tokens": (sa.BigInteger(), "0"),
        "cost": (sa.Double(), "0"),
    }
    _filled("attempt", filled)
    _never_null("attempt", filled)
    with op.batch_alter_table("attempt") as batch:
        batch.add_column(sa.Column("began", sa.Double()))
        batch.add_column(sa.Column("ended", sa.Double()))
        batch.create_index("ix_attempt_began", ["began"])
    op.execute("update attempt set began = (select created from task where task.id = attempt.task_id)")


def _events() -> None:
    """Attempts of one task ran side by side; which of their events came first is not known, so they stand in a row."""
    filled: dict[str, tuple[sa.types.TypeEngine[Any], str]] = {
        "task_id": (sa.String(64), "(select task_id from attempt where attempt.id = event.attempt_id)"),
        "place": (
            sa.Integer(),
            "event.seq + (select count(*) from event as other join attempt as its on its.id = other.attempt_id "
            "where its.task_id = (select task_id from attempt where attempt.id = event.attempt_id) "
            "and other.attempt_id < event.attempt_id)",
        ),
    }
    _filled("event", filled)
    _never_null("event", filled)
    with op.batch_alter_table("event") as batch:
        batch.create_foreign_key("fk_event_task_id", "task", ["task_id"], ["id"])
        batch.create_unique_constraint("uq_event_task_id_place", ["task_id", "place"])
        batch.create_index("ix_event_attempt_id_kind_seq", ["attempt_id", "kind", "seq"])
    with op.batch_alter_table("chunk") as batch:
        batch.add_column(sa.Column("timing", sa.Text()))


def _environments() -> None:
    with op.batch_alter_table("environment") as batch:
        batch.add_column(sa.Column("owner", sa.String(64)))
        batch.add_column(sa.Column("group", sa.String(64)))


def _turns() -> None:
    op.create_table(
        "turn",
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("author", sa.String(64)),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("chosen", sa.String(64)),
        sa.Column("continues", sa.String(64)),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("machine", sa.String(64)),
        sa.Column("key", sa.String(128)),
        sa.PrimaryKeyConstraint("task_id", "number", name="pk_turn"),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name="fk_turn_task_id"),
        sa.UniqueConstraint("task_id", "key", name="uq_turn_task_id_key"),
    )
    op.create_table(
        "message",
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("author", sa.String(64)),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("attempt", sa.String(64)),
        sa.Column("key", sa.String(128)),
        sa.PrimaryKeyConstraint("task_id", "number", name="pk_message"),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name="fk_message_task_id"),
        sa.UniqueConstraint("task_id", "key", name="uq_message_task_id_key"),
    )
    op.create_table(
        "seen",
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("person", "task_id", name="pk_seen"),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name="fk_seen_task_id"),
    )

    op.create_table(
        "mention",
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("thin", sa.Boolean, nullable=False),
        sa.Column("blobs", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("task_id", name="pk_mention"),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name="fk_mention_task_id"),
    )
    op.create_table(
        "lasting",
        sa.Column("blob", sa.String(64), nullable=False),
        sa.Column("until", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("blob", name="pk_lasting"),
    )


def _people() -> None:
    op.create_table(
        "person",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("subject", sa.Text),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("password", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_person"),
        sa.UniqueConstraint("email", name="uq_person_email"),
        sa.UniqueConstraint("subject", name="uq_person_subject"),
    )
    op.create_table(
        "group",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_group"),
        sa.UniqueConstraint("name", name="uq_group_name"),
    )
    op.create_table(
        "membership",
        sa.Column("group", sa.String(64), nullable=False),
        sa.Column("person", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("group", "person", name="pk_membership"),
        sa.ForeignKeyConstraint(["group"], ["group.id"], name="fk_membership_group"),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name="fk_membership_person"),
    )
    op.create_index("ix_membership_person", "membership", ["person"])
    op.create_table(
        "token",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("expires", sa.Double),
        sa.Column("used", sa.Double),
        sa.PrimaryKeyConstraint("id", name="pk_token"),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name="fk_token_person"),
        sa.UniqueConstraint("digest", name="uq_token_digest"),
    )
    op.create_index("ix_token_person", "token", ["person"])
    op.create_table(
        "session",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("expires", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_session"),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name="fk_session_person"),
    )
    op.create_index("ix_session_person", "session", ["person"])
    op.create_table(
        "invitation",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("email", sa.String(320)),
        sa.Column("expires", sa.Double, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("groups", sa.Text, nullable=False),
        sa.Column("person", sa.String(64)),
        sa.PrimaryKeyConstraint("digest", name="pk_invitation"),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name="fk_invitation_person"),
    )


def _rest() -> None:
    op.create_table(
        "quota",
        sa.Column("of", sa.String(80), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("of", name="pk_quota"),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("person", sa.String(64)),
        sa.Column("act", sa.String(64), nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_table(
        "schedule",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("owner", sa.String(64)),
        sa.Column("group", sa.String(64)),
        sa.PrimaryKeyConstraint("id", name="pk_schedule"),
    )
    op.create_table(
        "model",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("changed", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_model"),
    )
    op.create_table(
        "worker",
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("seen", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_worker"),
    )
    op.create_table(
        "job",
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("owner", sa.String(64)),
        sa.Column("group", sa.String(64)),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("admitted", sa.Double),
        sa.PrimaryKeyConstraint("task_id", "turn", name="pk_job"),
    )
    for column in ("owner", "group", "model"):
        op.create_index(f"ix_job_{column}", "job", [column])
