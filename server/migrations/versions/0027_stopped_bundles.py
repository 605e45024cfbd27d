"""Bundles that no unit is given out for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from server import db

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stopped_bundle",
        sa.Column("bundle", sa.String(length=32), nullable=False),
        sa.Column("stopped_at", db.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("bundle", name=op.f("pk_stopped_bundle")),
    )


def downgrade() -> None:
    op.drop_table("stopped_bundle")
