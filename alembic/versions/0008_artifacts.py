"""Files that nodes save."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "artifacts",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("node_id", sa.String(), nullable=False),
        sa.Column("iteration", sa.Integer(), nullable=False),
        sa.Column("path", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "id", name="pk_artifacts"),
    )
    op.create_index(
        "ix_artifacts_of_place",
        "artifacts",
        ["run_id", "node_id", "iteration", "path", "name"],
        unique=True,
        postgresql_where=sa.text("listed"),
    )
    op.create_index("ix_artifacts_id", "artifacts", ["id"])
    op.create_table(
        "artifact_blocks",
        sa.Column("artifact_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("artifact_id", "number", name="pk_artifact_blocks"),
    )
    # Most large files are compressed already; trying it again costs more than it gives.
    op.execute("ALTER TABLE artifact_blocks ALTER COLUMN data SET STORAGE EXTERNAL")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("artifact_blocks")
    op.drop_table("artifacts")
