"""Replies while they are being written, and who wants to see them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "draft",
        sa.Column("attempt_id", sa.String(64), nullable=False),
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("since", sa.Integer, nullable=False),
        sa.Column("written", sa.Integer, nullable=False),
        sa.Column("reasoning", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("attempt_id", name="pk_draft"),
    )
    op.create_index("ix_draft_task_id", "draft", ["task_id"])
    op.create_table(
        "watched",
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("until", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("task_id", name="pk_watched"),
    )


def downgrade() -> None:
    op.drop_table("watched")
    op.drop_index("ix_draft_task_id", "draft")
    op.drop_table("draft")
