"""Networks are kept as names that the server's secret makes, and those that were kept in clear go;
indexes for what is forgotten, and for failed audits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

AWAY = sa.text("network IS NOT NULL")
TOLD = sa.text("device_class <> ''")
FAILED = sa.text("state = 'failed'")


def upgrade() -> None:
    op.execute("UPDATE device SET network = NULL WHERE network IS NOT NULL")
    op.execute("DELETE FROM allowance WHERE client LIKE 'registration %'")
    for name, condition in (("away", AWAY), ("told", TOLD)):
        op.create_index(
            f"ix_device_{name}",
            "device",
            ["last_seen_at"],
            sqlite_where=condition,
            postgresql_where=condition,
        )
    op.create_index(
        "ix_audit_failed", "audit", ["id"], sqlite_where=FAILED, postgresql_where=FAILED
    )


def downgrade() -> None:
    op.drop_index("ix_audit_failed", "audit")
    op.drop_index("ix_device_told", "device")
    op.drop_index("ix_device_away", "device")
