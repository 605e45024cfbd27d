"""Operators' sessions, one for each browser that is signed in. Times come from the caller."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session, joinedload

from server.admin import log
from server.admin.models import AdminAccount, AdminSession

__all__ = ["AdminSession"]

SESSION = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)
"""How exactly it is known when somebody was last seen."""


@dataclass(frozen=True, kw_only=True)
class Whence:
    """Where somebody signs in from. `network`: None for this machine itself. `browser`: its name,
    such as Firefox 133 on Linux."""

    network: str | None
    browser: str


def begin(session: Session, account: AdminAccount, whence: Whence, at: datetime) -> str:
    """Its token. Sessions that have ended by themselves go."""
    token = secrets.token_urlsafe(32)
    session.execute(delete(AdminSession).where(AdminSession.expires_at <= at))
    session.add(
        AdminSession(
            token_sha256=digest(token),
            account_id=account.id,
            began_at=at,
            seen_at=at,
            expires_at=at + SESSION,
            network=whence.network,
            browser=whence.browser,
        )
    )
    log.record(session, account, "signed in", account.name)
    return token


def find(session: Session, token: str, at: datetime) -> AdminSession | None:
    """With its account, unless it has ended."""
    return session.scalar(_living(at).where(AdminSession.token_sha256 == digest(token)))


def living(
    session: Session, at: datetime, account: AdminAccount | None = None
) -> Sequence[AdminSession]:
    """With their accounts: those of one account or of all, who was seen last first."""
    query = _living(at).order_by(AdminSession.seen_at.desc(), AdminSession.token_sha256)
    if account is not None:
        query = query.where(AdminSession.account_id == account.id)
    return session.scalars(query).all()


def is_seen_anew(found: AdminSession, at: datetime) -> bool:
    """Whether that is worth writing down."""
    return at - found.seen_at >= SEEN_EVERY


def seen(session: Session, found: AdminSession, at: datetime) -> None:
    own = AdminSession.token_sha256 == found.token_sha256
    session.execute(update(AdminSession).where(own).values(seen_at=at))


def end(session: Session, found: AdminSession) -> bool:
    """False: it was over already."""
    own = AdminSession.token_sha256 == found.token_sha256
    ended: CursorResult[Any] = session.execute(delete(AdminSession).where(own))  # type: ignore[assignment]
    return bool(ended.rowcount)


def end_others(session: Session, own: AdminSession) -> int:
    """All of its account's but this one; gives how many they were."""
    others = AdminSession.token_sha256 != own.token_sha256
    ended: CursorResult[Any] = session.execute(  # type: ignore[assignment]
        delete(AdminSession).where(AdminSession.account_id == own.account_id, others)
    )
    return ended.rowcount


def end_all(session: Session, account: AdminAccount) -> None:
    session.execute(delete(AdminSession).where(AdminSession.account_id == account.id))


def digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _living(at: datetime) -> Select[AdminSession]:
    return (
        select(AdminSession)
        .where(AdminSession.expires_at > at)
        .options(joinedload(AdminSession.account))
    )
