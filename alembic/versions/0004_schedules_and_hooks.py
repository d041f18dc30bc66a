"""Schedules, triggers, hooks."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = (
    "hook_deliveries",
    "hook_cursors",
    "hooks",
    "trigger_calls",
    "triggers",
    "schedule_firings",
    "schedules",
)


def moment(name: str, *, nullable: bool = True) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def count(name: str) -> sa.Column:
    return sa.Column(name, sa.Integer(), server_default="0", nullable=False)


def of_workflow(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["project_id", "workflow_id"],
        ["workflows.project_id", "workflows.id"],
        name=f"fk_{table}_project_id_workflow_id",
        ondelete="CASCADE",
    )


def make_schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("workflow_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("cron", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("input", sa.JSON(), nullable=True),
        sa.Column("meta", sa.JSON(), nullable=True),
        count("priority"),
        sa.Column("catch_up", sa.String(), nullable=False),
        sa.Column("overlap", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        moment("starts_at"),
        moment("ends_at"),
        moment("next_at"),
        moment("last_at"),
        sa.Column("last_run_id", sa.Uuid(), nullable=True),
        count("missed"),
        count("skipped"),
        count("failed"),
        sa.Column("problem", sa.JSON(), nullable=True),
        moment("created_at", nullable=False),
        moment("updated_at", nullable=False),
        of_workflow("schedules"),
        sa.PrimaryKeyConstraint("id", name="pk_schedules"),
    )
    op.create_index("ix_schedules_of_workflow", "schedules", ["project_id", "workflow_id", "id"])
    op.create_index("ix_schedules_due", "schedules", ["next_at"], postgresql_where="active and next_at is not null")
    op.create_table(
        "schedule_firings",
        sa.Column("schedule_id", sa.Uuid(), nullable=False),
        moment("scheduled_for", nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.JSON(), nullable=True),
        sa.Column("live", sa.Boolean(), server_default="false", nullable=False),
        moment("created_at", nullable=False),
        sa.ForeignKeyConstraint(
            ["schedule_id"], ["schedules.id"], name="fk_schedule_firings_schedule_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("schedule_id", "scheduled_for", name="pk_schedule_firings"),
    )
    places = ["schedule_id", "scheduled_for"]
    op.create_index("ix_schedule_firings_live", "schedule_firings", places, postgresql_where="live")
    op.create_index("ix_schedule_firings_queued", "schedule_firings", places, postgresql_where="status = 'queued'")
    op.create_index("ix_schedule_firings_age", "schedule_firings", ["created_at"])


def make_triggers() -> None:
    op.create_table(
        "triggers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("workflow_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("old_secret", sa.String(), nullable=True),
        moment("old_until"),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("envelope", sa.Boolean(), nullable=False),
        sa.Column("meta", sa.JSON(), nullable=True),
        count("priority"),
        sa.Column("active", sa.Boolean(), nullable=False),
        moment("created_at", nullable=False),
        moment("updated_at", nullable=False),
        of_workflow("triggers"),
        sa.PrimaryKeyConstraint("id", name="pk_triggers"),
    )
    op.create_index("ix_triggers_of_workflow", "triggers", ["project_id", "workflow_id", "id"])
    op.create_table(
        "trigger_calls",
        sa.Column("trigger_id", sa.Uuid(), nullable=False),
        sa.Column("webhook_id", sa.String(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        moment("created_at", nullable=False),
        sa.ForeignKeyConstraint(
            ["trigger_id"], ["triggers.id"], name="fk_trigger_calls_trigger_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("trigger_id", "webhook_id", name="pk_trigger_calls"),
    )
    op.create_index("ix_trigger_calls_age", "trigger_calls", ["created_at"])


def make_hooks() -> None:
    op.create_table(
        "hooks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("workflow_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("events", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("old_secret", sa.String(), nullable=True),
        moment("old_until"),
        sa.Column("active", sa.Boolean(), nullable=False),
        moment("since", nullable=False),
        moment("scanned_at", nullable=False),
        moment("failing_since"),
        sa.Column("problem", sa.JSON(), nullable=True),
        moment("created_at", nullable=False),
        moment("updated_at", nullable=False),
        of_workflow("hooks"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_hooks_project_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_hooks"),
    )
    op.create_index("ix_hooks_of_project", "hooks", ["project_id", "id"])
    op.create_table(
        "hook_cursors",
        sa.Column("hook_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["hook_id"], ["hooks.id"], name="fk_hook_cursors_hook_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("hook_id", "run_id", name="pk_hook_cursors"),
    )


def make_deliveries() -> None:
    table = "hook_deliveries"
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("hook_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        count("attempts"),
        count("failures"),
        moment("due_at", nullable=False),
        moment("give_up_at", nullable=False),
        moment("leased_until"),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("answer", sa.JSON(), nullable=True),
        moment("created_at", nullable=False),
        moment("ended_at"),
        sa.ForeignKeyConstraint(["hook_id"], ["hooks.id"], name="fk_hook_deliveries_hook_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_hook_deliveries"),
        sa.UniqueConstraint("hook_id", "run_id", "seq", name="uq_hook_deliveries_hook_id_run_id_seq"),
    )
    pending = "status = 'pending'"
    op.create_index("ix_hook_deliveries_of_hook", table, ["hook_id", "id"])
    op.create_index("ix_hook_deliveries_due", table, ["hook_id", "due_at"], postgresql_where=pending)
    op.create_index(
        "ix_hook_deliveries_first", table, ["hook_id", "run_id", "seq"], postgresql_where=f"{pending} and failures = 0"
    )
    op.create_index("ix_hook_deliveries_ended", table, ["ended_at"], postgresql_where="ended_at is not null")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("runs", sa.Column("trigger", sa.JSON(), nullable=True))
    make_schedules()
    make_triggers()
    make_hooks()
    make_deliveries()


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in TABLES:
        op.drop_table(table)
    op.drop_column("runs", "trigger")
