"""What a count of the workbench is of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "workbench_job", sa.Column("asked", sa.Text(), server_default="{}", nullable=False)
    )


def downgrade() -> None:
    op.drop_column("workbench_job", "asked")
