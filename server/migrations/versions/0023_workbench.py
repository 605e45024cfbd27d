"""Jobs of the workbench, and selections."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "workbench_job",
        sa.Column("id", KEY, nullable=False),
        sa.Column("pool_id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("steps_done", sa.Integer(), nullable=False),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.Column("stop_asked", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('running', 'done', 'failed', 'stopped')",
            name=op.f("ck_workbench_job_state"),
        ),
        sa.ForeignKeyConstraint(
            ["pool_id"], ["pool.id"], name=op.f("fk_workbench_job_pool_id_pool")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workbench_job")),
    )
    running = sa.text("state = 'running'")
    op.create_index(
        "uq_workbench_job_running",
        "workbench_job",
        ["pool_id", "kind"],
        unique=True,
        sqlite_where=running,
        postgresql_where=running,
    )
    op.create_index("ix_workbench_job_pool_id", "workbench_job", ["pool_id", "kind", "id"])
    op.create_table(
        "selection",
        sa.Column("job_id", KEY, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("rule", sa.String(length=12), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("standing", sa.String(length=12), nullable=False),
        sa.Column("filters", sa.Text(), nullable=False),
        sa.Column("scored", sa.BigInteger(), nullable=True),
        sa.Column("members", sa.BigInteger(), nullable=True),
        sa.Column("threshold", sa.Double(), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("published_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"], ["workbench_job.id"], name=op.f("fk_selection_job_id_workbench_job")
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_selection")),
    )
    op.create_index(op.f("ix_selection_digest"), "selection", ["digest"])
    op.create_index(op.f("ix_selection_published_at"), "selection", ["published_at"])


def downgrade() -> None:
    op.drop_table("selection")
    op.drop_table("workbench_job")
