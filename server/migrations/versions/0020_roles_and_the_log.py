"""Roles of operators' accounts, and a log of what they do that is only ever added to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from server import db

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
REFUSAL = "the log is only ever added to"


def upgrade() -> None:
    """Whoever has an account could do what there was to do, and still can."""
    role: sa.Column[str] = sa.Column(
        "role", sa.String(length=12), server_default="maintainer", nullable=False
    )
    op.add_column("admin_account", role)
    op.create_table(
        "admin_log",
        sa.Column("id", KEY, nullable=False),
        sa.Column("made_at", db.UtcTime(), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=True),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_admin_log")),
    )
    op.create_index(op.f("ix_admin_log_account"), "admin_log", ["account"])
    op.create_index(op.f("ix_admin_log_subject"), "admin_log", ["subject"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE OR REPLACE FUNCTION admin_log_refuse() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$"
        )
        refuse = "EXECUTE FUNCTION admin_log_refuse()"
    else:
        refuse = f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
    for event in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER admin_log_{event.lower()} BEFORE {event} ON admin_log"
            f" FOR EACH ROW {refuse}"
        )


def downgrade() -> None:
    op.drop_table("admin_log")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION admin_log_refuse()")
    op.drop_column("admin_account", "role")
