"""Who stopped or restored whom, or left it at that after an appeal, when and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.trust.models import Decision

AUDIT, COHORT, AUDITOR = "audit", "cohort", "auditor"
"""Programs that decide: one failed audit, a look at many, an auditor that can't read a shard."""
SUSPENDED, QUARANTINED, RESTORED, UPHELD = "suspended", "quarantined", "restored", "upheld"
_REASON = 400


def note(session: Session, verb: str, subject: str, *, by: str, reason: str, at: datetime) -> None:
    session.add(
        Decision(made_at=at, made_by=by[:80], verb=verb, subject=subject, reason=reason[:_REASON])
    )


def about(session: Session, subjects: Collection[str]) -> Sequence[Decision]:
    """The oldest first."""
    return session.scalars(
        select(Decision).where(Decision.subject.in_(subjects)).order_by(Decision.id)
    ).all()
