"""Queues of nodes and runs, priorities, limits."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("runs", sa.Column("priority", sa.Integer(), server_default="0", nullable=False))
    op.add_column("runs", sa.Column("queue", sa.String(), server_default="default", nullable=False))
    op.add_column("runs", sa.Column("held", sa.Boolean(), server_default="false", nullable=False))
    op.create_index(
        "ix_runs_queued",
        "runs",
        ["project_id", "queue", "priority"],
        postgresql_where="status = 'QUEUED' and not held",
    )
    op.create_index(
        "ix_runs_held",
        "runs",
        ["project_id", "queue", "workflow_id", sa.text("priority DESC"), "id"],
        postgresql_where="held",
    )
    op.create_index(
        "ix_runs_elsewhere", "runs", ["queue"], postgresql_where="queue <> 'default' and finished_at is null"
    )
    op.add_column("projects", sa.Column("max_running", sa.Integer(), nullable=True))
    op.add_column("workflows", sa.Column("max_running", sa.Integer(), nullable=True))
    op.add_column("workers", sa.Column("running", sa.Integer(), server_default="0", nullable=False))
    op.add_column("workers", sa.Column("lost_seconds", sa.Float(), server_default="20", nullable=False))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column("workers", "lost_seconds")
    op.drop_column("workers", "running")
    op.drop_column("workflows", "max_running")
    op.drop_column("projects", "max_running")
    for index in ("ix_runs_elsewhere", "ix_runs_held", "ix_runs_queued"):
        op.drop_index(index, table_name="runs")
    for column in ("held", "queue", "priority"):
        op.drop_column("runs", column)
