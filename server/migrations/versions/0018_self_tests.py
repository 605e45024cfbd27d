"""The latest self-test of each device on each rung of each bundle."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "self_test",
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("bundle", sa.String(length=32), nullable=False),
        sa.Column("rung", sa.String(length=20), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("tested_at", sa.BigInteger(), nullable=False),
        sa.Column("device_class", sa.String(length=200), nullable=False),
        sa.Column("agent_version", sa.String(length=200), nullable=False),
        sa.Column("card", sa.String(length=40), nullable=False),
        sa.Column("browser", sa.String(length=16), nullable=False),
        sa.Column("passes", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"], ["device.id"], name=op.f("fk_self_test_device_id_device")
        ),
        sa.PrimaryKeyConstraint("device_id", "bundle", "rung", name=op.f("pk_self_test")),
    )
    op.create_index("ix_self_test_card", "self_test", ["card", "browser", "rung"])
    op.create_index(op.f("ix_self_test_tested_at"), "self_test", ["tested_at"])


def downgrade() -> None:
    op.drop_table("self_test")
