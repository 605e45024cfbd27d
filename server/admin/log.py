"""The log of what operators do: written in the transaction that does it, and read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.admin.models import AdminAccount, LogEntry
from server.db import now

SHOWN = 50
LONGEST_SUBJECT = 300
NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Entry:
    number: int
    made_at: datetime
    account: str | None
    """None: a command, run where the data lies."""
    action: str
    subject: str
    detail: Mapping[str, Any]
    """`before` and `after`, where something has another value now; `why`; `user`, who ran the
    command; and what else there is to say."""


def record(
    session: Session,
    account: AdminAccount | None,
    action: str,
    subject: str,
    detail: Mapping[str, Any] = NOTHING,
) -> None:
    """Beside what is done, in the same transaction: neither is there without the other. `action`:
    what was done, at most 40 letters, such as "pool paused"; `subject`: to what."""
    session.add(
        LogEntry(
            made_at=now(),
            account=account.name if account else None,
            action=action,
            subject=_storable(subject)[:LONGEST_SUBJECT],
            detail=json.dumps(dict(detail)),
        )
    )


def entries(
    session: Session,
    *,
    account: str | None = None,
    subject: str | None = None,
    before: int | None = None,
    limit: int = SHOWN,
) -> Sequence[Entry]:
    """The newest first. `account`: only what that one did, "" for commands; `subject`: only what
    was done to things with this in their name; `before`: only those with a smaller number."""
    query = select(LogEntry).order_by(LogEntry.id.desc()).limit(limit)
    if account is not None:
        query = query.where(LogEntry.account == account if account else LogEntry.account.is_(None))
    if subject:
        query = query.where(LogEntry.subject.contains(_storable(subject), autoescape=True))
    if before is not None:
        query = query.where(LogEntry.id < before)
    return [
        Entry(
            number=row.id,
            made_at=row.made_at,
            account=row.account,
            action=row.action,
            subject=row.subject,
            detail=json.loads(row.detail),
        )
        for row in session.scalars(query)
    ]


def accounts(session: Session) -> Sequence[str]:
    """Everybody who is in the log, those too that have no account any more."""
    query = select(LogEntry.account).where(LogEntry.account.is_not(None)).distinct()
    return sorted(name for name in session.scalars(query) if name)


def _storable(text: str) -> str:
    """What PostgreSQL takes: no NUL, no lone surrogate."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
