"""Operators' orders that pairs be gone from every pool."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "takedown",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("value", sa.String(length=253), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("ordered_by", sa.String(length=100), nullable=False),
        sa.Column("ordered_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_takedown")),
        sa.UniqueConstraint("kind", "value", name="uq_takedown_kind_value"),
    )
    with op.batch_alter_table("reported_pair") as batch:
        batch.add_column(
            sa.Column(
                "takedown_id",
                sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
                sa.ForeignKey("takedown.id", name=op.f("fk_reported_pair_takedown_id_takedown")),
                nullable=True,
            )
        )
        batch.create_index(op.f("ix_reported_pair_takedown_id"), ["takedown_id"])


def downgrade() -> None:
    with op.batch_alter_table("reported_pair") as batch:
        batch.drop_index(op.f("ix_reported_pair_takedown_id"))
        batch.drop_constraint(op.f("fk_reported_pair_takedown_id_takedown"), type_="foreignkey")
        batch.drop_column("takedown_id")
    op.drop_table("takedown")
