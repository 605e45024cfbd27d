"""Kinds of devices and shards that are set aside, and who decided what about whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from server import db

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ACTIVE = sa.text("lifted_at IS NULL")


def upgrade() -> None:
    op.add_column("device", sa.Column("network", sa.String(length=32), nullable=True))
    set_aside: sa.Column[bool] = sa.Column(
        "set_aside", sa.Boolean(), server_default=sa.false(), nullable=False
    )
    op.add_column("shard", set_aside)
    op.create_table(
        "trust_quarantine",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("bundle", sa.String(length=32), nullable=True),
        sa.Column("rung", sa.String(length=16), nullable=True),
        sa.Column("device_class", sa.String(length=200), nullable=True),
        sa.Column("shard_id", KEY, nullable=True),
        sa.Column("made_at", db.UtcTime(), nullable=False),
        sa.Column("lifted_at", db.UtcTime(), nullable=True),
        sa.Column("last_audit", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('class', 'shard')", name=op.f("ck_trust_quarantine_kind")),
        sa.ForeignKeyConstraint(
            ["shard_id"], ["shard.id"], name=op.f("fk_trust_quarantine_shard_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trust_quarantine")),
    )
    op.create_index(
        "uq_trust_quarantine_active",
        "trust_quarantine",
        ["name"],
        unique=True,
        sqlite_where=ACTIVE,
        postgresql_where=ACTIVE,
    )
    op.create_table(
        "trust_decision",
        sa.Column("id", KEY, nullable=False),
        sa.Column("made_at", db.UtcTime(), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("verb", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trust_decision")),
    )
    op.create_index(op.f("ix_trust_decision_subject"), "trust_decision", ["subject"])


def downgrade() -> None:
    for table in ("trust_decision", "trust_quarantine"):
        op.drop_table(table)
    op.drop_column("shard", "set_aside")
    op.drop_column("device", "network")
