"""Tails are all of a size, so that nobody counts what was posted since the last one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("trust_record", "pairs_since_tail")


def downgrade() -> None:
    """As if every device's last tail had been a moment ago: what is drawn next is the least."""
    op.add_column(
        "trust_record",
        sa.Column("pairs_since_tail", sa.BigInteger(), nullable=False, server_default="0"),
    )
