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
    make_calls()


def make_calls() -> None:
    op.create_table(
        "node_calls",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("node_id", sa.String(), nullable=False),
        sa.Column("iteration", sa.Integer(), nullable=False),
        sa.Column("path", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("laps", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.JSON(), nullable=True),
        sa.Column("output", sa.JSON(), nullable=True),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("claim", sa.Integer(), nullable=False),
        sa.Column("said", sa.Integer(), nullable=False),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        sa.Column("worker_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_node_calls_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_node_calls"),
        sa.UniqueConstraint(
            "run_id", "node_id", "iteration", "path", name="uq_node_calls_run_id_node_id_iteration_path"
        ),
    )
    op.create_index("ix_node_calls_live", "node_calls", ["status"], postgresql_where="status in ('QUEUED', 'RUNNING')")
    op.create_table(
        "node_call_news",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["node_calls.id"], name="fk_node_call_news_call_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_node_call_news"),
    )
    op.create_index("ix_node_call_news_of_run", "node_call_news", ["run_id"])
    op.create_index("ix_node_call_news_of_call", "node_call_news", ["call_id"])


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("node_call_news")
    op.drop_table("node_calls")
    op.drop_column("workers", "lost_seconds")
    op.drop_column("workers", "running")
    op.drop_column("workflows", "max_running")
    op.drop_column("projects", "max_running")
    for index in ("ix_runs_elsewhere", "ix_runs_held", "ix_runs_queued"):
        op.drop_index(index, table_name="runs")
    for column in ("held", "queue", "priority"):
        op.drop_column("runs", column)
