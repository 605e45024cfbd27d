"""Audits of results whose shard is compacted: what a dispute needs of each goes into the shard's
file with the result, and comes back with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from server.db import parts
from server.results.services import Result
from server.trust.models import COIN, FAILED, OPEN, PASSED, POSITION_BYTES, TAIL, Audit

__all__ = ["Audit"]


class Archived(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An audit, as models.Audit has it, without who claimed it."""

    id: int
    kind: str
    state: str
    policy: str
    seed: bytes
    positions: bytes
    created_at: datetime
    finished_at: datetime | None = None
    tail: str | None = None
    recomputed: bytes | None = None
    recomputed_statuses: bytes | None = None
    largest: float | None = None
    mean: float | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What the audits of some results come to; see sampled.Sampled."""

    results_audited: int
    pairs_audited: int
    audits: int
    last_audit: int
    """The newest one's number; 0: there is none."""


def of(session: Session, results: Collection[int]) -> dict[int, list[Audit]]:
    """By result, in the order in which they were drawn."""
    found: dict[int, list[Audit]] = {result: [] for result in results}
    for some in parts(results):
        query = select(Audit).where(Audit.result_id.in_(some)).order_by(Audit.id)
        for audit in session.scalars(query):
            found[audit.result_id].append(audit)
    return found


def newest(session: Session) -> int:
    """The number of the newest audit; 0: there is none."""
    return session.scalar(select(func.max(Audit.id))) or 0


def is_decided(audits: Collection[Audit]) -> bool:
    return all(audit.state not in (OPEN, FAILED) for audit in audits)


def looked(audits: Mapping[int, Sequence[Audit]]) -> Looked:
    """Counted as sampled.sampled counts. Pure."""
    passed = [
        max(len(audit.positions) for audit in each if audit.state == PASSED) // POSITION_BYTES
        for each in audits.values()
        if any(audit.state == PASSED for audit in each)
    ]
    by_lot = [
        audit
        for each in audits.values()
        for audit in each
        if audit.kind in (COIN, TAIL) and audit.state == PASSED
    ]
    return Looked(
        results_audited=len(passed),
        pairs_audited=sum(passed),
        audits=len(by_lot),
        last_audit=max((audit.id for each in audits.values() for audit in each), default=0),
    )


def pack(audits: Sequence[Audit]) -> str:
    """JSON."""
    names = Archived.__struct_fields__
    rows = [Archived(**{name: getattr(audit, name) for name in names}) for audit in audits]
    return msgspec.json.encode(rows).decode()


def put_away(session: Session, results: Collection[int]) -> None:
    for some in parts(results):
        session.execute(delete(Audit).where(Audit.result_id.in_(some)))


def bring_back(session: Session, result: Result, packed: str) -> int:
    """The audits of a result that is stored again; gives how many they are."""
    rows = msgspec.json.decode(packed, type=list[Archived])
    for row in rows:
        values = msgspec.structs.asdict(row)
        session.add(Audit(result_id=result.id, device_id=result.device_id, **values))
    session.flush()
    return len(rows)
