"""Quotas of devices, and the network that a lease was claimed from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

HELD = sa.text("state = 'held'")


def upgrade() -> None:
    for name in ("quota", "taken_on", "taken"):
        op.add_column("device", sa.Column(name, sa.Integer(), nullable=True))
    op.add_column("lease", sa.Column("network", sa.String(length=32), nullable=True))
    op.create_index(
        "ix_lease_held_network", "lease", ["network"], sqlite_where=HELD, postgresql_where=HELD
    )


def downgrade() -> None:
    op.drop_index("ix_lease_held_network", "lease")
    op.drop_column("lease", "network")
    for name in ("quota", "taken_on", "taken"):
        op.drop_column("device", name)
