"""Since when and from where operators are signed in. Who is, signs in anew: of their sessions that
isn't known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DELETE FROM admin_session")
    with op.batch_alter_table("admin_session") as table:
        table.add_column(sa.Column("began_at", sa.BigInteger(), nullable=False))
        table.add_column(sa.Column("seen_at", sa.BigInteger(), nullable=False))
        table.add_column(sa.Column("network", sa.String(length=64), nullable=True))
        table.add_column(sa.Column("browser", sa.String(length=60), nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("admin_session") as table:
        for name in ("browser", "network", "seen_at", "began_at"):
            table.drop_column(name)
