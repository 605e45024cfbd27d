"""Accounts, and signing in. Times come from the caller, but for the log's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from server.admin import backoff, log, passwords, sessions
from server.admin.models import AdminAccount, SignInFailure
from server.admin.roles import MAINTAINER, Role
from server.admin.sessions import Whence
from server.db import Database, add_counts, insert_once
from server.errors import AccountError, SignInFailed, SignInTooOften

__all__ = ["AdminAccount"]

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")


def create(
    session: Session, name: str, password: str, at: datetime, role: Role = MAINTAINER
) -> None:
    """Raises AccountError for a name that is taken or none, or a password that won't do."""
    if not NAME.fullmatch(name):
        raise AccountError(
            f"{name!r} can't be a name.",
            next_step="Up to 40 of a-z, 0-9, dot, dash and underscore, a letter or digit first.",
        )
    if _find(session, name) is not None:
        raise AccountError(
            f"There is an account {name} already.",
            code="account_exists",
            next_step="dva admin password changes its password.",
        )
    account = AdminAccount(
        name=name, password_hash=passwords.hashed(password), role=role, created_at=at
    )
    session.add(account)


def change_role(session: Session, name: str, role: Role) -> Role:
    """The role it had. Holds from the account's next request on. Raises AccountError."""
    account = _get(session, name)
    before = account.role
    account.role = role
    return before


def change_password(session: Session, name: str, password: str) -> None:
    """Signs the account out everywhere. Raises AccountError."""
    account = _get(session, name)
    if account.identity is not None:
        raise AccountError(
            f"{name} signs in with the organisation's provider.",
            code="account_foreign",
            next_step="Its password is changed there; dva admin remove ends it here.",
        )
    account.password_hash = passwords.hashed(password)
    sessions.end_all(session, account)


def remove(session: Session, name: str) -> None:
    """Signs the account out everywhere, and deletes it. Raises AccountError."""
    account = _get(session, name)
    sessions.end_all(session, account)
    session.delete(account)


def accounts(session: Session) -> Sequence[AdminAccount]:
    return session.scalars(select(AdminAccount).order_by(AdminAccount.name)).all()


def sign_in(database: Database, *, name: str, password: str, whence: Whence, at: datetime) -> str:
    """A new session's token. Where the network can't be told, only the account waits. Raises
    SignInTooOften, SignInFailed: the same for a wrong password as for a name that doesn't exist,
    after the same time."""
    limits = _limits(whence.network, account=name)
    with database.write() as session:
        # Counted before the password is looked at: attempts made at once don't share one count.
        _begin_attempt(session, limits, at)
        account = _find(session, name)
        known = account.password_hash if account else passwords.NOBODY
    if not passwords.matches(known, password) or account is None:
        raise SignInFailed("The name or the password is wrong.")
    with database.write() as session:
        current = _find(session, name)
        if current is None or current.password_hash != known:
            raise SignInFailed("The account was changed at this moment.")
        _forget_attempts(session, limits)
        return sessions.begin(session, current, whence, at)


def begin_attempt(database: Database, network: str | None, at: datetime) -> None:
    """Counts an attempt by a provider, which is a failure until it succeeds. Raises
    SignInTooOften."""
    limits = _limits(network)
    if limits:
        with database.write() as session:
            _begin_attempt(session, limits, at)


def sign_in_by_identity(
    session: Session, *, key: str, name: str, role: Role | None, whence: Whence, at: datetime
) -> str | None:
    """For whom a provider vouches: a new session's token, and an account where there was none.
    `role`: what they may do from now on; None: nothing, and whoever is signed in so is out."""
    account = session.scalar(select(AdminAccount).where(AdminAccount.identity == key))
    if role is None:
        if account is not None:
            sessions.end_all(session, account)
            log.record(
                session, account, "signed out", account.name, {"why": "has no role any more"}
            )
        return None
    if account is None:
        account = AdminAccount(
            name=name, password_hash=passwords.NOBODY, role=role, identity=key, created_at=at
        )
        session.add(account)
        session.flush()
        log.record(session, account, "account made", name, {"after": role})
    elif account.role != role:
        detail = {"before": account.role, "after": role}
        log.record(session, account, "role changed", account.name, detail)
        account.role = role
    _forget_attempts(session, _limits(whence.network))
    return sessions.begin(session, account, whence, at)


def _limits(network: str | None, *, account: str | None = None) -> dict[str, float]:
    """Whom an attempt counts for, and how long each waits at most."""
    limits = {}
    if account is not None:
        limits[sessions.digest(f"account {account}")] = backoff.ACCOUNT_LONGEST_S
    if network is not None:
        limits[sessions.digest(f"network {network}")] = backoff.NETWORK_LONGEST_S
    return limits


def _begin_attempt(session: Session, limits: dict[str, float], at: datetime) -> None:
    """Those who come at once wait here for each other, so that none judges by a count that another
    is about to raise. Raises SignInTooOften, and the transaction leaves everything as it was."""
    _forget_old(session, at)
    for subject in sorted(limits):
        insert_once(session, SignInFailure, subject_sha256=subject, failures=0, last_at=at)
    _require_turn(session, limits, at)
    for subject in sorted(limits):
        _count_failure(session, subject, at)


def _forget_attempts(session: Session, limits: dict[str, float]) -> None:
    session.execute(delete(SignInFailure).where(SignInFailure.subject_sha256.in_(limits)))


def _require_turn(session: Session, limits: dict[str, float], at: datetime) -> None:
    rows = session.scalars(
        select(SignInFailure)
        .where(SignInFailure.subject_sha256.in_(limits))
        .order_by(SignInFailure.subject_sha256)
        .with_for_update()
    )
    wait = max(
        (
            backoff.wait_s(row.failures, row.last_at, at, longest_s=limits[row.subject_sha256])
            for row in rows
        ),
        default=0.0,
    )
    if wait > 0:
        raise SignInTooOften(wait)


def _forget_old(session: Session, at: datetime) -> None:
    """So that names made up by the thousand don't stay."""
    old = SignInFailure.last_at <= at - backoff.FORGOTTEN
    session.execute(delete(SignInFailure).where(old))


def _count_failure(session: Session, subject: str, at: datetime) -> None:
    add_counts(
        session,
        SignInFailure,
        key={"subject_sha256": subject},
        counts={"failures": 1},
        values={"last_at": at},
    )


def _find(session: Session, name: str) -> AdminAccount | None:
    """`name` may come from outside: what can't be one never reaches the database."""
    if not NAME.fullmatch(name):
        return None
    return session.scalar(select(AdminAccount).where(AdminAccount.name == name))


def _get(session: Session, name: str) -> AdminAccount:
    account = _find(session, name)
    if account is None:
        known = ", ".join(account.name for account in accounts(session)) or "none yet"
        raise AccountError(
            f"There is no account {name}.", code="account_unknown", next_step=f"Here: {known}."
        )
    return account
