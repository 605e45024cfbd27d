"""Leases that came to nothing are found by when they ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ENDED = sa.text("state IN ('abandoned', 'expired')")


def upgrade() -> None:
    with op.batch_alter_table("lease", schema=None) as batch_op:
        batch_op.create_index(
            "ix_lease_ended_deadline",
            ["deadline"],
            unique=False,
            sqlite_where=ENDED,
            postgresql_where=ENDED,
        )


def downgrade() -> None:
    with op.batch_alter_table("lease", schema=None) as batch_op:
        batch_op.drop_index("ix_lease_ended_deadline")
