"""Large values that nodes were given, once for all of them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

WITH_INPUT = ("node_states", "kept_results")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "large_values",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_large_values_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "digest", name="pk_large_values"),
    )
    for table in WITH_INPUT:
        op.add_column(table, sa.Column("input_parts", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in WITH_INPUT:
        op.drop_column(table, "input_parts")
    op.drop_table("large_values")
