"""Audits, what is known of each device by them, and the processes that make them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from server.db import Base, Key, UtcTime

OPEN, PASSED, FAILED, AGAIN, VOID = "open", "passed", "failed", "again", "void"
COIN, TAIL, LOOK_AGAIN, RECHECK = "coin", "tail", "again", "recheck"
POSITION_BYTES = 2
_OPEN = text("state = 'open'")
_FAILED = text("state = 'failed'")
_UNSETTLED = text("unsettled")
OPEN_ONLY = text("audit.state = 'open'")
FAILED_ONLY = text("audit.state = 'failed'")
UNSETTLED = text("trust_record.unsettled")
"""For queries: a database uses a partial index where it reads the very condition."""
_ACTIVE = text("lifted_at IS NULL")
BY_CLASS, BY_SHARD = "class", "shard"


class Audit(Base):
    """Some pairs of one result, to be recomputed. Everything that a dispute needs to replay it is
    kept: where the coin came from, which pairs, what came out.

    open -> passed
         -> failed
         -> again     too close to call: another audit looks at more pairs of the same result
         -> void      the result was taken out meanwhile, or can't be recomputed
    """

    __tablename__ = "audit"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'passed', 'failed', 'again', 'void')", name="state"),
        CheckConstraint("kind IN ('coin', 'tail', 'again', 'recheck')", name="kind"),
        Index("ix_audit_open", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_audit_failed", "id", sqlite_where=_FAILED, postgresql_where=_FAILED),
        Index("ix_audit_device_id", "device_id", "id"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    result_id: Mapped[int] = mapped_column(ForeignKey("result.id"), index=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"))
    tail: Mapped[str | None] = mapped_column(String(32))
    """One name for all audits that were drawn together across an unconfirmed run."""
    kind: Mapped[str] = mapped_column(String(8))
    seed: Mapped[bytes] = mapped_column(LargeBinary)
    """What coin and positions were drawn from: HMAC(secret, the result's digest)."""
    policy: Mapped[str] = mapped_column(String(16))
    """The policy's version, by which it was drawn and judged."""
    positions: Mapped[bytes] = mapped_column(LargeBinary)
    """uint16 little-endian, POSITION_BYTES each: which pairs of the unit, ascending."""
    recomputed: Mapped[bytes | None] = mapped_column(LargeBinary)
    """float32 little-endian, for each position one for each of the agent's columns."""
    recomputed_statuses: Mapped[bytes | None] = mapped_column(LargeBinary)
    """uint8, one a position: PairStatus."""
    state: Mapped[str] = mapped_column(String(8), default=OPEN)
    claimed_by: Mapped[str | None] = mapped_column(String(80))
    claimed_until: Mapped[datetime | None] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime)
    largest: Mapped[float | None]
    """The largest absolute difference between what was posted and what was recomputed."""
    mean: Mapped[float | None]
    """Of the signed differences."""
    reason: Mapped[str | None] = mapped_column(String(40))
    """A code: why it failed, is looked at again, or is void."""


class Record(Base):
    """What is known of a device. Its row is what settling a device's results locks."""

    __tablename__ = "trust_record"
    __table_args__ = (
        Index(
            "ix_trust_record_unsettled",
            "last_result_at",
            sqlite_where=_UNSETTLED,
            postgresql_where=_UNSETTLED,
        ),
    )

    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    posted: Mapped[int] = mapped_column(default=0)
    """Results since the last failure."""
    passed: Mapped[int] = mapped_column(default=0)
    """Audits since the last failure."""
    failed: Mapped[int] = mapped_column(default=0)
    """Audits, ever."""
    confirmed: Mapped[int] = mapped_column(default=0)
    """Results, ever, less those that were revoked."""
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When some of them were, last."""
    unsettled: Mapped[bool] = mapped_column(default=False)
    """Whether some of its results may be neither confirmed nor taken out."""
    last_result_at: Mapped[datetime | None] = mapped_column(UtcTime)
    stopped_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """Since when it gets no work: it failed, and nobody has restored it."""
    stopped_for: Mapped[str | None] = mapped_column(String(40))
    """The failed audit's reason."""


class Auditor(Base):
    """A process that audits, and when it last said so."""

    __tablename__ = "auditor"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(UtcTime)
    seen_at: Mapped[datetime] = mapped_column(UtcTime)
    pairs: Mapped[int] = mapped_column(BigInteger, default=0)
    """Recomputed since it started."""
    busy_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    """How long that took it."""


class Quarantine(Base):
    """A kind of device, or a shard, that is set aside: nobody is given work there, and nobody is
    held responsible for what comes from there."""

    __tablename__ = "trust_quarantine"
    __table_args__ = (
        CheckConstraint("kind IN ('class', 'shard')", name="kind"),
        Index(
            "uq_trust_quarantine_active",
            "name",
            unique=True,
            sqlite_where=_ACTIVE,
            postgresql_where=_ACTIVE,
        ),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str] = mapped_column(String(300))
    """What operators call it: POOL/SHARD, or BUNDLE/RUNG/CLASS."""
    kind: Mapped[str] = mapped_column(String(8))
    bundle: Mapped[str | None] = mapped_column(String(32))
    rung: Mapped[str | None] = mapped_column(String(16))
    device_class: Mapped[str | None] = mapped_column(String(200))
    shard_id: Mapped[int | None] = mapped_column(ForeignKey("shard.id"))
    made_at: Mapped[datetime] = mapped_column(UtcTime)
    lifted_at: Mapped[datetime | None] = mapped_column(UtcTime)
    last_audit: Mapped[int | None] = mapped_column(BigInteger)
    """The newest audit when it was lifted: no older one is evidence any more."""


class Decision(Base):
    """That somebody or something was stopped, set aside or restored: kept for ever."""

    __tablename__ = "trust_decision"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    made_at: Mapped[datetime] = mapped_column(UtcTime)
    made_by: Mapped[str] = mapped_column(String(80))
    """audit, cohort or auditor: the program; else an operator's name on their machine."""
    verb: Mapped[str] = mapped_column(String(16))
    """suspended, quarantined, restored or upheld."""
    subject: Mapped[str] = mapped_column(String(300), index=True)
    """A contributor, a device, or a quarantine's name."""
    reason: Mapped[str] = mapped_column(String(400))
