"""The rows that runs write in masses no longer have foreign keys."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OF_A_PROJECT = ("run_events", "node_states")
OF_A_RUN = ("map_items", "large_values")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in OF_A_PROJECT:
        op.drop_constraint(f"fk_{table}_project_id_run_id", table, type_="foreignkey")
    for table in OF_A_RUN:
        op.drop_constraint(f"fk_{table}_run_id", table, type_="foreignkey")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in OF_A_RUN:
        op.create_foreign_key(f"fk_{table}_run_id", table, "runs", ["run_id"], ["id"], ondelete="CASCADE")
    for table in OF_A_PROJECT:
        op.create_foreign_key(
            f"fk_{table}_project_id_run_id",
            table,
            "runs",
            ["project_id", "run_id"],
            ["project_id", "id"],
            ondelete="CASCADE",
        )
