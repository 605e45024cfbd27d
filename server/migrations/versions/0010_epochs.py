"""Epochs of credit, and what each said of every contributor."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from server import db

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "credit_epoch",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("closed_at", db.UtcTime(), nullable=False),
        sa.Column("last_transfer", KEY, nullable=False),
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["last_transfer"], ["credit_transfer.id"], name=op.f("fk_credit_epoch_last_transfer")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_credit_epoch")),
    )
    op.create_table(
        "credit_epoch_line",
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("contributor", sa.String(length=32), nullable=False),
        sa.Column("earned", sa.BigInteger(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.Column("payout", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(
            ["epoch"], ["credit_epoch.number"], name=op.f("fk_credit_epoch_line_epoch")
        ),
        sa.PrimaryKeyConstraint("epoch", "position", name=op.f("pk_credit_epoch_line")),
        sa.UniqueConstraint(
            "epoch", "contributor", name=op.f("uq_credit_epoch_line_epoch_contributor")
        ),
    )


def downgrade() -> None:
    op.drop_table("credit_epoch_line")
    op.drop_table("credit_epoch")
