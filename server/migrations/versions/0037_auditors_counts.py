"""What an auditor adds up over its life has room for years: its milliseconds had for 24.9 days."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

COUNTS = ("pairs", "busy_ms")
MOST = 2**31 - 1


def upgrade() -> None:
    with op.batch_alter_table("auditor") as table:
        for name in COUNTS:
            table.alter_column(
                name, existing_type=sa.Integer(), type_=sa.BigInteger(), existing_nullable=False
            )


def downgrade() -> None:
    for name in COUNTS:
        op.execute(f"UPDATE auditor SET {name} = {MOST} WHERE {name} > {MOST}")  # noqa: S608
    with op.batch_alter_table("auditor") as table:
        for name in COUNTS:
            table.alter_column(
                name, existing_type=sa.BigInteger(), type_=sa.Integer(), existing_nullable=False
            )
