"""Who waits for whom at the ledger. SQLite has one writer anyway; PostgreSQL is told here.

Always taken in this order: the ledger, a contributor, the projector.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

_LEDGER = 0x445642
_PROJECTOR = 0x445643
_CONTRIBUTOR = 0x4456
"""The first of a lock's two numbers; those of two numbers are apart from those of one."""


def add_to(session: Session, contributor: str) -> None:
    """Until the transaction ends, nobody else adds to this contributor's run, nor closes the
    ledger."""
    _take(session, "pg_advisory_xact_lock_shared(:ledger)", ledger=_LEDGER)
    _take(
        session,
        "pg_advisory_xact_lock(:kind, hashtext(:contributor))",
        kind=_CONTRIBUTOR,
        contributor=contributor,
    )


def close(session: Session) -> None:
    """Until the transaction ends, nobody adds to the ledger: all that was begun before is there,
    and what comes after has higher numbers."""
    _take(session, "pg_advisory_xact_lock(:ledger)", ledger=_LEDGER)


def project(session: Session) -> None:
    """Until the transaction ends, no other projector runs."""
    _take(session, "pg_advisory_xact_lock(:projector)", projector=_PROJECTOR)


def _take(session: Session, call: str, **values: int | str) -> None:
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"SELECT {call}"), values)
