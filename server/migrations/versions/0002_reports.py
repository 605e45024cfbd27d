"""Reported pairs, and who reported them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from server import db

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "reported_pair",
        sa.Column("id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reported_at", db.UtcTime(), nullable=False),
        sa.Column("decided_at", db.UtcTime(), nullable=True),
        sa.CheckConstraint(
            "state IN ('withheld', 'confirmed', 'restored')", name=op.f("ck_reported_pair_state")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_reported_pair_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reported_pair")),
        sa.UniqueConstraint("unit_id", "position", name="uq_reported_pair_unit_position"),
    )
    op.create_table(
        "report",
        sa.Column("id", KEY, nullable=False),
        sa.Column("pair_id", KEY, nullable=False),
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=10), nullable=False),
        sa.Column("reported_at", db.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_report_device_id")),
        sa.ForeignKeyConstraint(["pair_id"], ["reported_pair.id"], name=op.f("fk_report_pair_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report")),
        sa.UniqueConstraint("pair_id", "device_id", name="uq_report_pair_device"),
    )
    with op.batch_alter_table("report", schema=None) as batch_op:
        batch_op.create_index("ix_report_device_time", ["device_id", "reported_at"], unique=False)


def downgrade() -> None:
    for table in ("report", "reported_pair"):
        op.drop_table(table)
