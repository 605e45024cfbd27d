"""When results of a device were confirmed last: they are in lots."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("trust_record", sa.Column("confirmed_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("trust_record") as table:
        table.drop_column("confirmed_at")
