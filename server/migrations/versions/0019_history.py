"""What was done and how things stood, by minute and by hour."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "history_pool",
        sa.Column("period_s", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("pool_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("leases", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("results", sa.Integer(), nullable=False),
        sa.Column("pairs", sa.BigInteger(), nullable=False),
        sa.Column("again_pairs", sa.BigInteger(), nullable=False),
        sa.Column("new_pairs", sa.BigInteger(), nullable=False),
        sa.Column("new_drawn", sa.BigInteger(), nullable=False),
        sa.Column("known_pairs", sa.BigInteger(), nullable=False),
        sa.Column("known_drawn", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("period_s", "start", "pool_id", name=op.f("pk_history_pool")),
    )
    op.create_table(
        "history_server",
        sa.Column("period_s", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("model_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("period_s", "start", name=op.f("pk_history_server")),
    )
    op.create_table(
        "history_level",
        sa.Column("period_s", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("leases", sa.Integer(), nullable=False),
        sa.Column("backlog_pairs", sa.BigInteger(), nullable=False),
        sa.Column("devices", sa.Integer(), nullable=False),
        sa.Column("contributors", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("period_s", "start", name=op.f("pk_history_level")),
    )


def downgrade() -> None:
    for table in ("history_level", "history_server", "history_pool"):
        op.drop_table(table)
