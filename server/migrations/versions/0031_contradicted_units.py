"""How often a unit's results contradicted each other: none of them waits for an operator."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_WITHOUT = "FROM unit JOIN ballot ON ballot.unit_id = unit.id WHERE ballot.state = 'aside'"


def upgrade() -> None:
    """What waits for an operator is counted once more, and ends."""
    op.create_table(
        "contradicted_unit",
        sa.Column("unit_id", KEY, autoincrement=False, nullable=False),
        sa.Column("rounds", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["unit.id"], name=op.f("fk_contradicted_unit_unit_id")
        ),
        sa.PrimaryKeyConstraint("unit_id", name=op.f("pk_contradicted_unit")),
    )
    op.execute("UPDATE ballot SET state = 'due' WHERE state = 'aside'")


def downgrade() -> None:
    """What has no scores is given out anew: an older server knows no such unit."""
    for count, of in (("units_done", "count(*)"), ("pairs_done", "coalesce(sum(unit.pairs), 0)")):
        op.execute(
            f"UPDATE shard SET {count} = {count}"  # noqa: S608 - our own words
            f" - (SELECT {of} {_WITHOUT} AND unit.shard_id = shard.id)"
        )
    op.execute(f"UPDATE unit SET state = 'open' WHERE id IN (SELECT unit.id {_WITHOUT})")  # noqa: S608
    aside = "(SELECT unit_id FROM ballot WHERE state = 'aside')"
    op.execute(f"DELETE FROM voter WHERE unit_id IN {aside}")  # noqa: S608
    op.execute("DELETE FROM ballot WHERE state = 'aside'")
    op.drop_table("contradicted_unit")
