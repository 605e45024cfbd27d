"""When a takedown had been through every shard."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("takedown", sa.Column("done_at", sa.BigInteger(), nullable=True))
    # Nobody wrote it down; who was told of missed shards was told to repeat the command.
    op.execute("UPDATE takedown SET done_at = ordered_at")


def downgrade() -> None:
    op.drop_column("takedown", "done_at")
