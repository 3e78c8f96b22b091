"""Stored environments, secrets, and what of a repository's own file a person has approved."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "environment",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("repository", sa.Text),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("changed", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_environment"),
    )
    op.create_index("ix_environment_repository", "environment", ["repository"])
    op.create_table(
        "secret",
        sa.Column("environment", sa.String(64), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("changed", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("environment", "name", name="pk_secret"),
    )
    op.create_table(
        "approval",
        sa.Column("repository", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("repository", "digest", name="pk_approval"),
    )


def downgrade() -> None:
    for table in ("approval", "secret", "environment"):
        op.drop_table(table)
