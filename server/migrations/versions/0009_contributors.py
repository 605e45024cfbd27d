"""Contributors, and the keys of their devices; tokens aren't stored any more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from server import db

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

NOBODY = "0" * 32
"""The contributor of the devices that registered before there were keys."""


def upgrade() -> None:
    op.create_table(
        "contributor",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=True),
        sa.Column("display_name", sa.String(length=40), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("created_at", db.UtcTime(), nullable=False),
        sa.CheckConstraint(
            "state IN ('active', 'suspended', 'deleted')", name=op.f("ck_contributor_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contributor")),
    )
    # Without devices there is nobody to stand for.
    op.execute(
        sa.text(
            "INSERT INTO contributor (id, state, created_at)"
            " SELECT :nobody, 'active', min(created_at) FROM device HAVING count(*) > 0"
        ).bindparams(nobody=NOBODY)
    )
    active: sa.Column[str] = sa.Column(
        "state", sa.String(length=12), server_default="active", nullable=False
    )
    whose: sa.Column[str] = sa.Column(
        "contributor_id", sa.String(length=32), server_default=NOBODY, nullable=False
    )
    with op.batch_alter_table("device", recreate="auto") as batch:
        batch.add_column(active)
        batch.add_column(whose)
        batch.add_column(sa.Column("key_algorithm", sa.String(length=8), nullable=True))
        batch.add_column(sa.Column("public_key", sa.LargeBinary(), nullable=True))
        batch.add_column(sa.Column("certificate", sa.LargeBinary(), nullable=True))
        batch.add_column(sa.Column("revoked_at", db.UtcTime(), nullable=True))
        batch.drop_constraint(op.f("uq_device_token_sha256"), type_="unique")
        batch.drop_column("token_sha256")
    with op.batch_alter_table("device") as batch:
        batch.alter_column("state", server_default=None)
        batch.alter_column("contributor_id", server_default=None)
        batch.create_check_constraint(op.f("ck_device_state"), "state IN ('active', 'quarantined')")
        batch.create_unique_constraint(op.f("uq_device_public_key"), ["public_key"])
        batch.create_foreign_key(
            op.f("fk_device_contributor_id"), "contributor", ["contributor_id"], ["id"]
        )
        batch.create_index(op.f("ix_device_contributor_id"), ["contributor_id"])
    op.add_column("result", sa.Column("signature", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """Nobody can be signed in afterwards: tokens weren't kept, and what takes their place is just
    different for each device."""
    op.drop_column("result", "signature")
    token: sa.Column[str] = sa.Column(
        "token_sha256", sa.String(length=64), server_default="", nullable=False
    )
    with op.batch_alter_table("device") as batch:
        batch.add_column(token)
        batch.drop_index(op.f("ix_device_contributor_id"))
        batch.drop_constraint(op.f("fk_device_contributor_id"), type_="foreignkey")
        batch.drop_constraint(op.f("uq_device_public_key"), type_="unique")
        batch.drop_constraint(op.f("ck_device_state"), type_="check")
        for name in (
            "state",
            "contributor_id",
            "key_algorithm",
            "public_key",
            "certificate",
            "revoked_at",
        ):
            batch.drop_column(name)
    op.execute(sa.text("UPDATE device SET token_sha256 = id"))
    with op.batch_alter_table("device") as batch:
        batch.alter_column("token_sha256", server_default=None)
        batch.create_unique_constraint(op.f("uq_device_token_sha256"), ["token_sha256"])
    op.drop_table("contributor")
