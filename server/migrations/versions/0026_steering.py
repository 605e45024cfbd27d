"""Pools that are paused, and which of several is worked on first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    paused: sa.Column[bool] = sa.Column(
        "paused", sa.Boolean(), server_default=sa.false(), nullable=False
    )
    priority: sa.Column[int] = sa.Column(
        "priority", sa.Integer(), server_default="0", nullable=False
    )
    op.add_column("pool", paused)
    op.add_column("pool", priority)


def downgrade() -> None:
    op.drop_column("pool", "priority")
    op.drop_column("pool", "paused")
