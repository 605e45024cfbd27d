"""Contributors may name an address for payouts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("contributor", sa.Column("payout", sa.String(length=128), nullable=True))


def downgrade() -> None:
    op.drop_column("contributor", "payout")
