"""How many results were decided about, by minute and hour."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("history_server") as table:
        for name in ("confirmed", "rejected"):
            table.add_column(sa.Column(name, sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    with op.batch_alter_table("history_server") as table:
        table.drop_column("rejected")
        table.drop_column("confirmed")
