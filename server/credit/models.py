"""The ledger: transfers, their two postings each, the balances projected from them, and epochs.

Transfers and postings are never changed or deleted; triggers of migration 0008 see to it. All of
a transfer's row but `applied` is written once, and `applied` only ever becomes true.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from server.db import Base, Key, UtcTime

CONFIRM, FORFEIT, REVOKE = "confirm", "forfeit", "revoke"


class Transfer(Base):
    """One decision about a run of results of one contributor."""

    __tablename__ = "credit_transfer"
    __table_args__ = (
        CheckConstraint("kind IN ('confirm', 'forfeit', 'revoke')", name="kind"),
        # What a run may overlap with is found from its first result on.
        Index("ix_credit_transfer_contributor_last_result", "contributor", "last_result"),
        Index(
            "ix_credit_transfer_unapplied",
            "id",
            sqlite_where=text("applied = 0"),
            postgresql_where=text("NOT applied"),
        ),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    """What makes a repetition one: kind, first and last result."""
    kind: Mapped[str] = mapped_column(String(8))
    contributor: Mapped[str] = mapped_column(String(32))
    reason: Mapped[str] = mapped_column(String(40))
    """A code, for a person's page to put into words."""
    first_result: Mapped[int] = mapped_column(BigInteger)
    last_result: Mapped[int] = mapped_column(BigInteger)
    units: Mapped[int]
    run: Mapped[bytes] = mapped_column(LargeBinary)
    """Which results, for how many pairs and how much each: server.credit.run."""
    made_at: Mapped[datetime] = mapped_column(UtcTime)
    applied: Mapped[bool] = mapped_column(default=False)
    """Whether the balances hold it already."""


class Posting(Base):
    """One side of a transfer: what an account gets, negative for what it gives."""

    __tablename__ = "credit_posting"

    transfer_id: Mapped[int] = mapped_column(
        ForeignKey("credit_transfer.id"), primary_key=True, autoincrement=False
    )
    account: Mapped[str] = mapped_column(String(64), primary_key=True, index=True)
    amount: Mapped[int] = mapped_column(BigInteger)
    """In credits: millions of floating-point operations."""
    pairs: Mapped[int] = mapped_column(BigInteger)


class Balance(Base):
    """The sum of an account's applied postings: a copy that can be thrown away and made again."""

    __tablename__ = "credit_balance"

    account: Mapped[str] = mapped_column(String(64), primary_key=True)
    amount: Mapped[int] = mapped_column(BigInteger)
    pairs: Mapped[int] = mapped_column(BigInteger)


class Epoch(Base):
    """A closed one: the ledger up to and with `last_transfer`."""

    __tablename__ = "credit_epoch"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    closed_at: Mapped[datetime] = mapped_column(UtcTime)
    last_transfer: Mapped[int] = mapped_column(ForeignKey("credit_transfer.id"))
    root: Mapped[str] = mapped_column(String(64))
    """Over its lines, hex."""


class EpochLine(Base):
    """What an epoch's statement says of one contributor, as it was published."""

    __tablename__ = "credit_epoch_line"
    __table_args__ = (UniqueConstraint("epoch", "contributor"),)

    epoch: Mapped[int] = mapped_column(
        ForeignKey("credit_epoch.number"), primary_key=True, autoincrement=False
    )
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    contributor: Mapped[str] = mapped_column(String(32))
    earned: Mapped[int] = mapped_column(BigInteger)
    balance: Mapped[int] = mapped_column(BigInteger)
    payout: Mapped[str] = mapped_column(String(128))
