"""Pools with shards and units, devices, leases, results."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from server import db

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
HELD = sa.text("state = 'held'")


def upgrade() -> None:
    op.create_table(
        "device",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("platform", sa.String(length=16), nullable=False),
        sa.Column("device_class", sa.String(length=200), nullable=False),
        sa.Column("agent_version", sa.String(length=200), nullable=False),
        sa.Column("created_at", db.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_device_token_sha256")),
    )
    op.create_table(
        "pool",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("agent", sa.String(length=64), nullable=False),
        sa.Column("bundle", sa.String(length=32), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("licence", sa.Text(), nullable=False),
        sa.Column("attribution", sa.Text(), nullable=False),
        sa.Column("safe", sa.Boolean(), nullable=False),
        sa.Column("created_at", db.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pool")),
        sa.UniqueConstraint("name", name=op.f("uq_pool_name")),
    )
    op.create_table(
        "shard",
        sa.Column("id", KEY, nullable=False),
        sa.Column("pool_id", KEY, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("pairs", sa.Integer(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("pairs_done", sa.Integer(), nullable=False),
        sa.Column("units_done", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name=op.f("fk_shard_pool_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shard")),
        sa.UniqueConstraint("pool_id", "name", name="uq_shard_pool_name"),
    )
    op.create_table(
        "unit",
        sa.Column("id", KEY, nullable=False),
        sa.Column("pool_id", KEY, nullable=False),
        sa.Column("shard_id", KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("first_pair", sa.Integer(), nullable=False),
        sa.Column("pairs", sa.Integer(), nullable=False),
        sa.Column("span_start", sa.BigInteger(), nullable=False),
        sa.Column("span_size", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.CheckConstraint("state IN ('open', 'leased', 'done')", name=op.f("ck_unit_state")),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name=op.f("fk_unit_pool_id")),
        sa.ForeignKeyConstraint(["shard_id"], ["shard.id"], name=op.f("fk_unit_shard_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit")),
        sa.UniqueConstraint("shard_id", "number", name="uq_unit_shard_number"),
    )
    with op.batch_alter_table("unit", schema=None) as batch_op:
        batch_op.create_index("ix_unit_pool_state", ["pool_id", "state", "id"], unique=False)

    op.create_table(
        "lease",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("claimed_at", db.UtcTime(), nullable=False),
        sa.Column("deadline", db.UtcTime(), nullable=False),
        sa.Column("brought_by", sa.String(length=32), nullable=True),
        sa.CheckConstraint(
            "state IN ('held', 'done', 'abandoned', 'expired')", name=op.f("ck_lease_state")
        ),
        sa.ForeignKeyConstraint(["brought_by"], ["lease.id"], name=op.f("fk_lease_brought_by")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_lease_device_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_lease_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lease")),
    )
    with op.batch_alter_table("lease", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lease_brought_by"), ["brought_by"], unique=False)
        batch_op.create_index(
            "ix_lease_held_deadline",
            ["deadline"],
            unique=False,
            sqlite_where=HELD,
            postgresql_where=HELD,
        )
        batch_op.create_index(
            "ix_lease_held_device",
            ["device_id"],
            unique=False,
            sqlite_where=HELD,
            postgresql_where=HELD,
        )
        batch_op.create_index(
            "uq_lease_held_unit", ["unit_id"], unique=True, sqlite_where=HELD, postgresql_where=HELD
        )

    op.create_table(
        "result",
        sa.Column(
            "unit_id",
            KEY,
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("lease_id", sa.String(length=32), nullable=False),
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("bundle", sa.String(length=32), nullable=False),
        sa.Column("rung", sa.String(length=16), nullable=False),
        sa.Column("device_class", sa.String(length=200), nullable=False),
        sa.Column("scores", sa.LargeBinary(), nullable=False),
        sa.Column("statuses", sa.LargeBinary(), nullable=False),
        sa.Column("pairs_scored", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("scored_at", db.UtcTime(), nullable=False),
        sa.CheckConstraint("state IN ('accepted')", name=op.f("ck_result_state")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_result_device_id")),
        sa.ForeignKeyConstraint(["lease_id"], ["lease.id"], name=op.f("fk_result_lease_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_result_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", name=op.f("pk_result")),
        sa.UniqueConstraint("lease_id", name=op.f("uq_result_lease_id")),
    )


def downgrade() -> None:
    for table in ("result", "lease", "unit", "shard", "pool", "device"):
        op.drop_table(table)
