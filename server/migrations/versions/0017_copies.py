"""Several results of one unit, where a pool's contributors check each other."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from server import db

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LIVING = sa.text("state IN ('pending', 'confirmed')")
POLICY = ("pool", "result")
COPY = ("lease", "result")


def upgrade() -> None:
    """What there is is audited, and the first of its unit."""
    for table in POLICY:
        op.add_column(
            table, sa.Column("policy", sa.String(length=12), server_default="audit", nullable=False)
        )
    for table in COPY:
        op.add_column(
            table, sa.Column("copy", sa.SmallInteger(), server_default="0", nullable=False)
        )
    _living(["unit_id", "copy"])
    op.create_table(
        "ballot",
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("pool_id", KEY, nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("copies", sa.SmallInteger(), nullable=False),
        sa.Column("seed", sa.LargeBinary(), nullable=False),
        sa.Column("opened_at", db.UtcTime(), nullable=False),
        sa.CheckConstraint(
            "state IN ('due', 'wanted', 'leased', 'aside')", name=op.f("ck_ballot_state")
        ),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name=op.f("fk_ballot_pool_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_ballot_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", name=op.f("pk_ballot")),
    )
    op.create_index("ix_ballot_state", "ballot", ["state", "pool_id", "opened_at"])
    op.create_table(
        "voter",
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("contributor_id", sa.String(length=32), nullable=False),
        sa.Column("network", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["contributor_id"], ["contributor.id"], name=op.f("fk_voter_contributor_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["ballot.unit_id"], name=op.f("fk_voter_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", "contributor_id", name=op.f("pk_voter")),
        sa.UniqueConstraint("unit_id", "network", name="uq_voter_unit_network"),
    )
    op.create_table(
        "replication_record",
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("agreed", sa.Integer(), nullable=False),
        sa.Column("outvoted", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"], ["device.id"], name=op.f("fk_replication_record_device_id")
        ),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_replication_record")),
    )


def downgrade() -> None:
    """Of several results of a unit the first stays; the ledger keeps what it paid for others."""
    for table in ("replication_record", "voter", "ballot"):
        op.drop_table(table)
    op.execute("UPDATE result SET state = 'rejected' WHERE copy > 0 AND state = 'pending'")
    op.execute("UPDATE result SET state = 'revoked' WHERE copy > 0 AND state = 'confirmed'")
    # An older server would take one for the unit's only lease.
    op.execute(
        "UPDATE lease SET state = 'expired', network = NULL WHERE copy > 0 AND state = 'held'"
    )
    _living(["unit_id"])
    for table in COPY:
        op.drop_column(table, "copy")
    for table in POLICY:
        op.drop_column(table, "policy")


def _living(columns: list[str]) -> None:
    op.drop_index("uq_result_living_unit", "result")
    op.create_index(
        "uq_result_living_unit",
        "result",
        columns,
        unique=True,
        sqlite_where=LIVING,
        postgresql_where=LIVING,
    )
