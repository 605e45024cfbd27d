"""Audits of results, what is known of each device by them, and who makes them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from server import db

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UNDRAWN = sa.text("state = 'pending' AND NOT drawn")
OPEN = sa.text("state = 'open'")
UNSETTLED = sa.text("unsettled")


def upgrade() -> None:
    """What was accepted before hasn't been drawn either."""
    drawn: sa.Column[bool] = sa.Column(
        "drawn", sa.Boolean(), server_default=sa.false(), nullable=False
    )
    op.add_column("result", drawn)
    op.create_index(
        "ix_result_undrawn", "result", ["id"], sqlite_where=UNDRAWN, postgresql_where=UNDRAWN
    )
    op.create_table(
        "audit",
        sa.Column("id", KEY, nullable=False),
        sa.Column("result_id", KEY, nullable=False),
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("tail", sa.String(length=32), nullable=True),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("seed", sa.LargeBinary(), nullable=False),
        sa.Column("policy", sa.String(length=16), nullable=False),
        sa.Column("positions", sa.LargeBinary(), nullable=False),
        sa.Column("recomputed", sa.LargeBinary(), nullable=True),
        sa.Column("recomputed_statuses", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("claimed_by", sa.String(length=80), nullable=True),
        sa.Column("claimed_until", db.UtcTime(), nullable=True),
        sa.Column("created_at", db.UtcTime(), nullable=False),
        sa.Column("finished_at", db.UtcTime(), nullable=True),
        sa.Column("largest", sa.Double(), nullable=True),
        sa.Column("mean", sa.Double(), nullable=True),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.CheckConstraint(
            "state IN ('open', 'passed', 'failed', 'again', 'void')", name=op.f("ck_audit_state")
        ),
        sa.CheckConstraint(
            "kind IN ('coin', 'tail', 'again', 'recheck')", name=op.f("ck_audit_kind")
        ),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_audit_device_id")),
        sa.ForeignKeyConstraint(["result_id"], ["result.id"], name=op.f("fk_audit_result_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_result_id"), "audit", ["result_id"])
    op.create_index("ix_audit_device_id", "audit", ["device_id", "id"])
    op.create_index("ix_audit_open", "audit", ["id"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_table(
        "trust_record",
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("posted", sa.Integer(), nullable=False),
        sa.Column("passed", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("confirmed", sa.Integer(), nullable=False),
        sa.Column("pairs_since_tail", sa.BigInteger(), nullable=False),
        sa.Column("unsettled", sa.Boolean(), nullable=False),
        sa.Column("last_result_at", db.UtcTime(), nullable=True),
        sa.Column("stopped_at", db.UtcTime(), nullable=True),
        sa.Column("stopped_for", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(
            ["device_id"], ["device.id"], name=op.f("fk_trust_record_device_id")
        ),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_trust_record")),
    )
    op.create_index(
        "ix_trust_record_unsettled",
        "trust_record",
        ["last_result_at"],
        sqlite_where=UNSETTLED,
        postgresql_where=UNSETTLED,
    )
    op.create_table(
        "auditor",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("started_at", db.UtcTime(), nullable=False),
        sa.Column("seen_at", db.UtcTime(), nullable=False),
        sa.Column("pairs", sa.Integer(), nullable=False),
        sa.Column("busy_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_auditor")),
    )


def downgrade() -> None:
    for table in ("auditor", "trust_record", "audit"):
        op.drop_table(table)
    op.drop_index("ix_result_undrawn", "result")
    op.drop_column("result", "drawn")
