"""What an operator sees of trust, and decides: who was stopped and what set aside, and why;
stopping and restoring."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.contributors import services as contributors
from server.contributors import standing
from server.errors import TrustError
from server.trust import aside, decisions, drawing, quarantine, records
from server.trust.aside import BY_OPERATOR
from server.trust.models import Audit, Decision, Record
from server.trust.replication.models import Record as ReplicationRecord
from server.trust.replication.policy import chance_of_copy

AUDITS_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class ByOthers:
    """A device's record in pools under replication."""

    agreed: int
    """Results that others bore out since it was last outvoted."""
    outvoted: int
    chance_of_copy: float
    """That the next unit it is the first to do is given to somebody else as well."""


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
    replication: ByOthers


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
class Decided:
    """Who stopped or restored something, when and why."""

    at: datetime
    by: str
    verb: str
    subject: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class SetAside:
    """A kind of device or a shard. `until`: None while it is."""

    name: str
    kind: str
    since: datetime
    until: datetime | None
    decisions: Sequence[Decided]


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


def standings(session: Session, devices: Collection[str]) -> dict[str, Standing]:
    """By device; those that were never looked at are left out."""
    rows = session.scalars(select(Record).where(Record.device_id.in_(devices)))
    return {row.device_id: _standing(session, row) for row in rows}


def is_stopped(session: Session, name: str) -> bool:
    """Whether a contributor, or a device, may not work. Raises TrustError."""
    named = _named(session, name)
    if named.is_device:
        return standing.state_of(session, name) != "active"
    return standing.is_suspended(session, name)


def suspend(session: Session, name: str, *, by: str, reason: str, at: datetime) -> None:
    """No more work for a contributor, one device, a kind of device (BUNDLE/RUNG/CLASS) or on a
    shard (POOL/SHARD). What people posted stays as it is, to be audited like anything else; what is
    pending of a kind of device or a shard is given out anew. Raises TrustError."""
    cell = quarantine.named(session, name)
    if cell is not None:
        quarantine.impose(session, cell, by=by, reason=reason, at=at)
        aside.excuse(session, at)
        return
    named = _named(session, name)
    for record in records.all_locked(session, named.devices).values():
        records.stop(record, BY_OPERATOR, at)
        # Whatever it was stopped for before: nothing but an operator restores it from now on.
        record.stopped_for = BY_OPERATOR
    if named.is_device:
        contributors.quarantine(session, name)
    else:
        contributors.suspend(session, name)
    verb = decisions.QUARANTINED if named.is_device else decisions.SUSPENDED
    decisions.note(session, verb, name, by=by, reason=reason, at=at)


def restore(session: Session, name: str, *, by: str, reason: str, at: datetime) -> None:
    """A contributor with all devices, or one device, which then brings its contributor along: they
    begin anew, on a probation that is longer for each failure. Or a kind of device or a shard,
    which is given work again. Raises TrustError."""
    if quarantine.named(session, name) is not None:
        quarantine.lift(session, name, by=by, reason=reason, at=at)
        return
    named = _named(session, name)
    for device, record in records.all_locked(session, named.devices).items():
        records.restore(record)
        contributors.release(session, device)
    contributors.restore(session, named.contributor)
    decisions.note(session, decisions.RESTORED, name, by=by, reason=reason, at=at)


def uphold(session: Session, name: str, *, by: str, reason: str, at: datetime) -> None:
    """After an appeal: a contributor or a device stays stopped, and why is kept. Raises
    TrustError."""
    if not is_stopped(session, name):
        raise TrustError(
            f"{name} isn't stopped.",
            code="trust_not_stopped",
            next_step="There is nothing to appeal against.",
        )
    decisions.note(session, decisions.UPHELD, name, by=by, reason=reason, at=at)


def set_aside(session: Session, *, ended: bool = False) -> list[SetAside]:
    """Kinds of devices and shards, the newest first; `ended`: those that were restored too."""
    found = quarantine.listed(session, ended=ended)
    past = defaultdict(list)
    for each in decisions.about(session, {row.name for row in found}):
        past[each.subject].append(_decided(each))
    return [
        SetAside(
            name=row.name,
            kind=row.kind,
            since=row.made_at,
            until=row.lifted_at,
            decisions=past[row.name],
        )
        for row in found
    ]


def decided(session: Session, name: str) -> list[Decided]:
    """What was decided about a contributor with all devices, a device with its contributor, a kind
    of device or a shard; the oldest first. Raises TrustError."""
    subjects = {name}
    if quarantine.named(session, name) is None:
        named = _named(session, name)
        subjects = {named.contributor, *named.devices}
    return [_decided(each) for each in decisions.about(session, subjects)]


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
        replication=_by_others(session, record.device_id),
    )


def _by_others(session: Session, device: str) -> ByOthers:
    record = session.get(ReplicationRecord, device)
    agreed = record.agreed if record else 0
    return ByOthers(
        agreed=agreed,
        outvoted=record.outvoted if record else 0,
        chance_of_copy=chance_of_copy(agreed),
    )


def _decided(decision: Decision) -> Decided:
    return Decided(
        at=decision.made_at,
        by=decision.made_by,
        verb=decision.verb,
        subject=decision.subject,
        reason=decision.reason,
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
