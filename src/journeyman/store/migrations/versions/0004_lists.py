"""What makes the list of tasks quick: what is archived apart, an index of words; and whose patch was applied."""

import sqlalchemy as sa
from alembic import op

from journeyman.store.search import drop_index, make_index

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BEFORE = {"owner": ["owner", "updated"], "group": ["group", "updated"], "status": ["status", "updated"]}
AFTER = {name: [name, "archived", "updated", "id"] for name in BEFORE}


def upgrade() -> None:
    op.add_column("task", sa.Column("applied", sa.String(64)))
    for name, columns in BEFORE.items():
        op.drop_index(f"ix_task_{'_'.join(columns)}", "task")
        op.create_index(f"ix_task_{'_'.join(AFTER[name])}", "task", AFTER[name])
    op.create_index("ix_task_archived_updated_id", "task", ["archived", "updated", "id"])
    make_index(op.get_bind())


def downgrade() -> None:
    drop_index(op.get_bind())
    op.drop_index("ix_task_archived_updated_id", "task")
    for name, columns in BEFORE.items():
        op.drop_index(f"ix_task_{'_'.join(AFTER[name])}", "task")
        op.create_index(f"ix_task_{'_'.join(columns)}", "task", columns)
    with op.batch_alter_table("task") as batch:
        batch.drop_column("applied")
