"""What is kept, and for how long."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Rows of these are changed soon after they were written: with room left on the page, the change costs no index entry.
ROOM = {"runs": 75, "node_states": 85}
# Much is deleted from these at once, or all the time: their space is found again soon, not after a fifth of the table.
CHURN = (
    "runs",
    "node_states",
    "run_events",
    "map_items",
    "idempotency_keys",
    "procrastinate_jobs",
    "procrastinate_events",
)
VACUUM = "autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("runs", sa.Column("pruned_seq", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("projects", sa.Column("keep_runs_days", sa.Float(), nullable=True))
    op.add_column("projects", sa.Column("keep_events_days", sa.Float(), nullable=True))
    op.add_column("projects", sa.Column("events_pruned_until", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    op.create_table(
        "prunes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_prunes"),
    )
    for table, percent in ROOM.items():
        op.execute(f"ALTER TABLE {table} SET (fillfactor = {percent})")
    for table in CHURN:
        op.execute(f"ALTER TABLE {table} SET ({VACUUM})")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in CHURN:
        op.execute(f"ALTER TABLE {table} RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold)")
    for table in ROOM:
        op.execute(f"ALTER TABLE {table} RESET (fillfactor)")
    op.drop_table("prunes")
    op.drop_index("ix_idempotency_keys_created_at", table_name="idempotency_keys")
    for column in ("events_pruned_until", "keep_events_days", "keep_runs_days"):
        op.drop_column("projects", column)
    op.drop_column("runs", "pruned_seq")
