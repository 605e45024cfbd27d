"""Results have a number of their own and a state; a rejected one stays when its unit is redone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from server import db

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
COLUMNS = (
    "unit_id, lease_id, device_id, state, bundle, rung, device_class, scores, statuses,"
    " pairs_scored, digest, scored_at"
)
STATES = "state IN ('pending', 'confirmed', 'rejected', 'revoked')"
PENDING = sa.text("state = 'pending'")
LIVING = sa.text("state IN ('pending', 'confirmed')")


def upgrade() -> None:
    """What was accepted before waits for an audit like anything else; numbered as it came in."""
    _copy_as("result_before")
    own: sa.Column[int] = sa.Column("id", KEY, nullable=False)
    op.create_table(
        "result",
        own,
        *_columns(unit_is_key=False),
        sa.CheckConstraint(STATES, name=op.f("ck_result_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_result")),
    )
    op.execute(
        f"INSERT INTO result ({COLUMNS}) SELECT {COLUMNS.replace('state', _quoted('pending'))}"  # noqa: S608
        " FROM result_before ORDER BY scored_at, unit_id"
    )
    op.drop_table("result_before")
    op.create_index(op.f("ix_result_scored_at"), "result", ["scored_at"])
    op.create_index(
        "uq_result_living_unit",
        "result",
        ["unit_id"],
        unique=True,
        sqlite_where=LIVING,
        postgresql_where=LIVING,
    )
    op.create_index(
        "ix_result_pending_device",
        "result",
        ["device_id", "id"],
        sqlite_where=PENDING,
        postgresql_where=PENDING,
    )


def downgrade() -> None:
    """The living results; the evidence of the others goes."""
    op.drop_index("ix_result_pending_device", "result")
    op.drop_index("uq_result_living_unit", "result")
    _copy_as("result_after")
    op.create_table(
        "result",
        *_columns(unit_is_key=True),
        sa.CheckConstraint("state IN ('accepted')", name=op.f("ck_result_state")),
        sa.PrimaryKeyConstraint("unit_id", name=op.f("pk_result")),
    )
    op.execute(
        f"INSERT INTO result ({COLUMNS}) SELECT {COLUMNS.replace('state', _quoted('accepted'))}"  # noqa: S608
        f" FROM result_after WHERE {LIVING.text}"
    )
    op.drop_table("result_after")
    op.create_index(op.f("ix_result_scored_at"), "result", ["scored_at"])


def _quoted(state: str) -> str:
    return f"'{state}'"


def _copy_as(name: str) -> None:
    """The table under another name, without the names that the new one takes: PostgreSQL has one
    space of names for the constraints' indexes of all tables."""
    op.drop_index(op.f("ix_result_scored_at"), "result")
    op.execute(f"CREATE TABLE {name} AS SELECT * FROM result")  # noqa: S608
    op.drop_table("result")


def _columns(*, unit_is_key: bool) -> list[sa.schema.SchemaItem]:
    unit: sa.Column[int] = sa.Column(
        "unit_id", KEY, autoincrement=False if unit_is_key else "auto", nullable=False
    )
    columns: list[sa.schema.SchemaItem] = [
        unit,
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
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_result_device_id")),
        sa.ForeignKeyConstraint(["lease_id"], ["lease.id"], name=op.f("fk_result_lease_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_result_unit_id")),
        sa.UniqueConstraint("lease_id", name=op.f("uq_result_lease_id")),
    ]
    return columns
