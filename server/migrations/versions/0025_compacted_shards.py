"""Finished shards whose results are in a file."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from server import db

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "compacted_shard",
        sa.Column("shard_id", KEY, autoincrement=False, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("results", sa.Integer(), nullable=False),
        sa.Column("results_audited", sa.Integer(), nullable=False),
        sa.Column("pairs_audited", sa.Integer(), nullable=False),
        sa.Column("audits", sa.Integer(), nullable=False),
        sa.Column("made_at", db.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["shard_id"], ["shard.id"], name=op.f("fk_compacted_shard_shard_id")
        ),
        sa.PrimaryKeyConstraint("shard_id", name=op.f("pk_compacted_shard")),
    )


def downgrade() -> None:
    """An earlier server wouldn't find what is in files: it has to come back first."""
    found = op.get_bind().scalar(sa.text("SELECT count(*) FROM compacted_shard"))
    if found:
        raise RuntimeError(f"{found} shards are compacted: dva compact --undo brings them back")
    op.drop_table("compacted_shard")
