"""What can be told of a result's audits to the person whose result it is: enough to see why it
stands as it does, and nothing by which to foresee what is looked at next."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.trust.models import FAILED, OPEN, PASSED, VOID, Audit
from server.trust.quarantine import CLASS_QUARANTINED, SHARD_QUARANTINED

NOBODYS_FAULT = (CLASS_QUARANTINED, SHARD_QUARANTINED)


@dataclass(frozen=True, kw_only=True)
class Audited:
    """`failed`: the code with which one of its audits failed, or that of what was to blame for it,
    or ""."""

    waits: bool = False
    passed: bool = False
    failed: str = ""


def audits_of(session: Session, results: Collection[int]) -> dict[int, Audited]:
    """Of each of these results that an audit was drawn for."""
    found: dict[int, Audited] = {}
    rows = session.execute(
        select(Audit.result_id, Audit.state, Audit.reason)
        .where(Audit.result_id.in_(results))
        .order_by(Audit.id)
    )
    for result, state, reason in rows:
        known = found.get(result, Audited())
        found[result] = Audited(
            waits=known.waits or state == OPEN,
            passed=known.passed or state == PASSED,
            failed=(reason or "")
            if state == FAILED or (state == VOID and reason in NOBODYS_FAULT)
            else known.failed,
        )
    return found
