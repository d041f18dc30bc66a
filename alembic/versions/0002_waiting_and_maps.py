"""Child runs, signals from outside, items of maps, results kept for a newer version."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def run_columns() -> tuple[sa.Column, ...]:
    return (
        sa.Column("debug", sa.JSON(), nullable=True),
        sa.Column("resumes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("forked_from", sa.Uuid(), nullable=True),
        sa.Column("parent_run_id", sa.Uuid(), nullable=True),
        sa.Column("parent_node_id", sa.String(), nullable=True),
        sa.Column("parent_iteration", sa.Integer(), nullable=True),
        sa.Column("parent_path", sa.ARRAY(sa.Integer()), nullable=True),
        sa.Column("parent_current", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("parent_told", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("depth", sa.Integer(), server_default="0", nullable=False),
    )


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for column in run_columns():
        op.add_column("runs", column)
    op.create_index(
        "ix_runs_child",
        "runs",
        ["parent_run_id", "parent_node_id", "parent_iteration", "parent_path"],
        unique=True,
        postgresql_where="parent_current",
    )
    op.create_index("ix_runs_of_parent", "runs", ["parent_run_id"], postgresql_where="parent_run_id is not null")
    op.create_index("ix_runs_untold", "runs", ["finished_at"], postgresql_where="parent_current and not parent_told")
    op.create_table(
        "map_items",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("node_id", sa.String(), nullable=False),
        sa.Column("iteration", sa.Integer(), nullable=False),
        sa.Column("path", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("output", sa.JSON(), nullable=True),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("reason", sa.JSON(), nullable=True),
        sa.Column("wake_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_map_items_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "node_id", "iteration", "path", name="pk_map_items"),
    )
    op.create_table(
        "run_signals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("node_id", sa.String(), nullable=False),
        sa.Column("iteration", sa.Integer(), nullable=False),
        sa.Column("path", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=True),
        sa.Column("by", sa.String(), nullable=True),
        sa.Column("delivered", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_run_signals_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_run_signals"),
    )
    op.create_index("ix_run_signals_of_run", "run_signals", ["run_id"])
    op.create_index("ix_run_signals_undelivered", "run_signals", ["run_id"], postgresql_where="not delivered")
    op.create_table(
        "kept_results",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("node_id", sa.String(), nullable=False),
        sa.Column("iteration", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("input", sa.JSON(), nullable=True),
        sa.Column("output", sa.JSON(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_kept_results_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "node_id", "iteration", name="pk_kept_results"),
    )


def downgrade() -> None:
    for table in ("kept_results", "run_signals", "map_items"):
        op.drop_table(table)
    for index in ("ix_runs_untold", "ix_runs_of_parent", "ix_runs_child"):
        op.drop_index(index, table_name="runs")
    for column in reversed(run_columns()):
        op.drop_column("runs", column.name)
