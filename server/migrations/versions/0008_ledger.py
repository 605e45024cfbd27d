"""The ledger of credit: transfers, postings, balances, and triggers that keep the first two as
they were written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from server import db

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WRITTEN_ONCE = {
    "credit_transfer": (
        "id, key, kind, contributor, reason, first_result, last_result, units, run, made_at"
    ),
    "credit_posting": "transfer_id, account, amount, pairs",
}


def upgrade() -> None:
    op.create_table(
        "credit_transfer",
        sa.Column("id", KEY, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("contributor", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("first_result", sa.BigInteger(), nullable=False),
        sa.Column("last_result", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("run", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", db.UtcTime(), nullable=False),
        sa.Column("applied", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('confirm', 'forfeit', 'revoke')", name=op.f("ck_credit_transfer_kind")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_transfer")),
        sa.UniqueConstraint("key", name=op.f("uq_credit_transfer_key")),
    )
    op.create_index(
        "ix_credit_transfer_contributor_last_result",
        "credit_transfer",
        ["contributor", "last_result"],
    )
    op.create_index(
        "ix_credit_transfer_unapplied",
        "credit_transfer",
        ["id"],
        sqlite_where=sa.text("applied = 0"),
        postgresql_where=sa.text("NOT applied"),
    )
    op.create_table(
        "credit_posting",
        sa.Column("transfer_id", KEY, autoincrement=False, nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("pairs", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["transfer_id"], ["credit_transfer.id"], name=op.f("fk_credit_posting_transfer_id")
        ),
        sa.PrimaryKeyConstraint("transfer_id", "account", name=op.f("pk_credit_posting")),
    )
    op.create_index(op.f("ix_credit_posting_account"), "credit_posting", ["account"])
    op.create_table(
        "credit_balance",
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("pairs", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_credit_balance")),
    )
    _keep_as_written()


def downgrade() -> None:
    for table in ("credit_balance", "credit_posting", "credit_transfer"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION credit_refuse()")


def _keep_as_written() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    if postgresql:
        op.execute(
            "CREATE OR REPLACE FUNCTION credit_refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'the ledger is only ever added to'; END $$"
        )
        refuse = "EXECUTE FUNCTION credit_refuse()"
    else:
        refuse = "BEGIN SELECT RAISE(ABORT, 'the ledger is only ever added to'); END"
    for table, columns in WRITTEN_ONCE.items():
        for name, event in (("update", f"UPDATE OF {columns}"), ("delete", "DELETE")):
            op.execute(
                f"CREATE TRIGGER {table}_{name} BEFORE {event} ON {table} FOR EACH ROW {refuse}"
            )
    again = "NOT NEW.applied" if postgresql else "NEW.applied = 0"
    op.execute(
        "CREATE TRIGGER credit_transfer_unapply BEFORE UPDATE OF applied ON credit_transfer"
        f" FOR EACH ROW WHEN ({again}) {refuse}"
    )
