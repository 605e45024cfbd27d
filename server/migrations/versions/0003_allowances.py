"""What clients have used of a limit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from server import db

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "allowance",
        sa.Column("client", sa.String(length=100), nullable=False),
        sa.Column("free_at", db.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("client", name=op.f("pk_allowance")),
    )
    with op.batch_alter_table("allowance", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_allowance_free_at"), ["free_at"], unique=False)


def downgrade() -> None:
    op.drop_table("allowance")
