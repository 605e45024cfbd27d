"""Leases remember the request that they were granted for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    request: sa.Column[str] = sa.Column("request", sa.String(length=32), nullable=True)
    op.add_column("lease", request)


def downgrade() -> None:
    op.drop_column("lease", "request")
