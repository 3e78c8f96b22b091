"""Forges with their tokens, and the pull requests to look after."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "forge",
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("api", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("checked", sa.Double),
        sa.Column("error", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_forge"),
    )
    op.create_table(
        "pull_request",
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("attempt_id", sa.String(64), nullable=False),
        sa.Column("pending", sa.Boolean, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("looked", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("task_id", name="pk_pull_request"),
    )
    op.create_index("ix_pull_request_pending_looked", "pull_request", ["pending", "looked"])


def downgrade() -> None:
    op.drop_index("ix_pull_request_pending_looked", "pull_request")
    op.drop_table("pull_request")
    op.drop_table("forge")
