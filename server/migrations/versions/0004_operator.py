"""What the operator's pages show: admin accounts, problems by hour, broken pairs, last seen."""

from __future__ import annotations

from collections import Counter

import sqlalchemy as sa
from alembic import op

from server import db

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SCORED = 0


def upgrade() -> None:
    op.create_table(
        "admin_account",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created_at", db.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_admin_account")),
        sa.UniqueConstraint("name", name=op.f("uq_admin_account_name")),
    )
    op.create_table(
        "admin_session",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("expires_at", db.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["admin_account.id"], name=op.f("fk_admin_session_account_id")
        ),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_admin_session")),
    )
    op.create_index(op.f("ix_admin_session_account_id"), "admin_session", ["account_id"])
    op.create_table(
        "sign_in_failure",
        sa.Column("subject_sha256", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", db.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("subject_sha256", name=op.f("pk_sign_in_failure")),
    )
    op.create_table(
        "problem_count",
        sa.Column("hour", db.UtcTime(), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "code", name=op.f("pk_problem_count")),
    )
    op.create_table(
        "broken_pairs",
        sa.Column("shard_id", KEY, autoincrement=False, nullable=False),
        sa.Column("status", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("pairs", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["shard_id"], ["shard.id"], name=op.f("fk_broken_pairs_shard_id")),
        sa.PrimaryKeyConstraint("shard_id", "status", name=op.f("pk_broken_pairs")),
    )
    op.create_index(op.f("ix_result_scored_at"), "result", ["scored_at"])
    _say_when_devices_were_seen()
    _count_broken_pairs()


def downgrade() -> None:
    op.drop_index(op.f("ix_device_last_seen_at"), "device")
    op.drop_column("device", "last_seen_at")
    op.drop_index(op.f("ix_result_scored_at"), "result")
    for table in (
        "broken_pairs",
        "problem_count",
        "sign_in_failure",
        "admin_session",
        "admin_account",
    ):
        op.drop_table(table)


def _say_when_devices_were_seen() -> None:
    """Of a device that registered before, no more is known than that. With a default, since SQLite
    can add no other column that is never null; copying the table, as Alembic's batches do, is
    refused there while leases refer to it."""
    zero = sa.text("0")
    seen: sa.Column[object] = sa.Column(
        "last_seen_at", db.UtcTime(), server_default=zero, nullable=False
    )
    op.add_column("device", seen)
    op.execute(sa.text("UPDATE device SET last_seen_at = created_at"))
    op.create_index(op.f("ix_device_last_seen_at"), "device", ["last_seen_at"])


def _count_broken_pairs() -> None:
    connection = op.get_bind()
    rows = connection.execute(
        sa.text(
            "SELECT unit.shard_id, result.statuses"
            " FROM result JOIN unit ON unit.id = result.unit_id"
            " WHERE result.pairs_scored < unit.pairs"
        )
    )
    counts: Counter[tuple[int, int]] = Counter()
    for shard, statuses in rows:
        counts.update((shard, status) for status in bytes(statuses) if status != SCORED)
    if counts:
        table = sa.table(
            "broken_pairs", sa.column("shard_id"), sa.column("status"), sa.column("pairs")
        )
        op.bulk_insert(
            table,
            [
                {"shard_id": shard, "status": status, "pairs": pairs}
                for (shard, status), pairs in sorted(counts.items())
            ],
        )
