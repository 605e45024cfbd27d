"""What ingest found wrong with pairs, by shard and by host."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shard_finding",
        sa.Column("shard_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("pairs", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["shard_id"], ["shard.id"], name=op.f("fk_shard_finding_shard_id_shard")
        ),
        sa.PrimaryKeyConstraint("shard_id", "kind", name=op.f("pk_shard_finding")),
    )
    op.create_table(
        "host_finding",
        sa.Column("pool_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("host", sa.String(length=253), nullable=False),
        sa.Column("pairs", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["pool_id"], ["pool.id"], name=op.f("fk_host_finding_pool_id_pool")
        ),
        sa.PrimaryKeyConstraint("pool_id", "kind", "host", name=op.f("pk_host_finding")),
    )


def downgrade() -> None:
    op.drop_table("host_finding")
    op.drop_table("shard_finding")
