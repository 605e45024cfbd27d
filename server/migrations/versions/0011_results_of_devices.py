"""A device's results are found in the order in which they came."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_result_device_id", "result", ["device_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_result_device_id", "result")
