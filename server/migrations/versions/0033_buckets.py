"""Shards that contributors get from their bucket."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "bucket",
        sa.Column("id", KEY, nullable=False),
        sa.Column("pool_id", KEY, nullable=False),
        sa.Column("url", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name=op.f("fk_bucket_pool_id_pool")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bucket")),
        sa.UniqueConstraint("pool_id", "url", name="uq_bucket_pool_url"),
    )
    op.create_table(
        "shard_object",
        sa.Column("shard_id", KEY, nullable=False),
        sa.Column("bucket_id", KEY, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["bucket_id"], ["bucket.id"], name=op.f("fk_shard_object_bucket_id_bucket")
        ),
        sa.ForeignKeyConstraint(
            ["shard_id"], ["shard.id"], name=op.f("fk_shard_object_shard_id_shard")
        ),
        sa.PrimaryKeyConstraint("shard_id", name=op.f("pk_shard_object")),
    )
    op.create_index(op.f("ix_shard_object_bucket_id"), "shard_object", ["bucket_id"])


def downgrade() -> None:
    op.drop_table("shard_object")
    op.drop_table("bucket")
