"""What an operator sees of trust, and decides: who was stopped and why; stopping and restoring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.contributors import services as contributors
from server.contributors import standing
from server.errors import TrustError
from server.trust import drawing, records
from server.trust.models import Audit, Record

BY_OPERATOR = "operator"
AUDITS_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A device's record."""

    device: str
    contributor: str
    state: str
    """active, suspended (its contributor), quarantined (it alone) or deleted."""
    posted: int
    """Results since its last failure."""
    passed: int
    """Audits since its last failure."""
    failed: int
    confirmed: int
    stopped_at: datetime | None
    stopped_for: str | None


@dataclass(frozen=True, kw_only=True)
class ShownAudit:
    number: int
    kind: str
    state: str
    reason: str | None
    result: int
    pairs: int
    largest: float | None
    mean: float | None
    policy: str
    seed: str
    """Hex: with the policy's version, it says why these pairs."""
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class _Named:
    contributor: str
    devices: Sequence[str]
    is_device: bool


def listed(session: Session, *, only_stopped: bool, limit: int) -> list[Standing]:
    """Those that were stopped last first, then those that failed most."""
    query = select(Record).order_by(
        Record.stopped_at.desc().nulls_last(), Record.failed.desc(), Record.device_id
    )
    if only_stopped:
        query = query.where(Record.stopped_at.is_not(None))
    return [_standing(session, record) for record in session.scalars(query.limit(limit))]


def shown(session: Session, name: str) -> list[tuple[Standing, list[ShownAudit]]]:
    """The device of this name, or all that the contributor of this name has, with their newest
    audits. Raises TrustError if it is neither."""
    found = []
    for device in _named(session, name).devices:
        record = session.get(Record, device) or Record(
            device_id=device, posted=0, passed=0, failed=0, confirmed=0
        )
        newest = session.scalars(
            select(Audit)
            .where(Audit.device_id == device)
            .order_by(Audit.id.desc())
            .limit(AUDITS_SHOWN)
        )
        found.append((_standing(session, record), [_audit(audit) for audit in newest]))
    return found


def suspend(session: Session, name: str, at: datetime) -> None:
    """No more work for a contributor, or for one device. What they posted stays as it is, to be
    audited like anything else. Raises TrustError."""
    named = _named(session, name)
    for device in named.devices:
        records.stop(records.locked(session, device), BY_OPERATOR, at)
    if named.is_device:
        contributors.quarantine(session, name)
    else:
        contributors.suspend(session, name)


def restore(session: Session, name: str) -> None:
    """A contributor with all devices, or one device, which then brings its contributor along: they
    begin anew, on a probation that is longer for each failure. Raises TrustError."""
    named = _named(session, name)
    for device in named.devices:
        records.restore(records.locked(session, device))
        contributors.release(session, device)
    contributors.restore(session, named.contributor)


def _named(session: Session, name: str) -> _Named:
    owner = standing.owner_of(session, name)
    if owner is not None:
        return _Named(contributor=owner, devices=[name], is_device=True)
    if standing.is_known(session, name):
        devices = contributors.devices_of(session, name)
        return _Named(contributor=name, devices=devices, is_device=False)
    raise TrustError(
        f"There is no device and no contributor {name}.",
        next_step="dva trust list shows them with their names.",
    )


def _standing(session: Session, record: Record) -> Standing:
    contributor = contributors.contributor_of(session, record.device_id)
    return Standing(
        device=record.device_id,
        contributor=contributor,
        state=standing.state_of(session, record.device_id),
        posted=record.posted,
        passed=record.passed,
        failed=record.failed,
        confirmed=record.confirmed,
        stopped_at=record.stopped_at,
        stopped_for=record.stopped_for,
    )


def _audit(audit: Audit) -> ShownAudit:
    return ShownAudit(
        number=audit.id,
        kind=audit.kind,
        state=audit.state,
        reason=audit.reason,
        result=audit.result_id,
        pairs=len(drawing.unpack(audit.positions)),
        largest=audit.largest,
        mean=audit.mean,
        policy=audit.policy,
        seed=audit.seed.hex(),
        created_at=audit.created_at,
        finished_at=audit.finished_at,
    )
