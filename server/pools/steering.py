"""Which pools and bundles are worked on, and which first: an operator's say."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db import insert_once
from server.errors import PoolError
from server.pools.models import Pool, StoppedBundle
from server.pools.services import get_pool

LOWEST, HIGHEST = -1000, 1000


def pause(session: Session, name: str) -> bool:
    """Nothing of it is handed out from the next claim on; what is leased is finished. False if it
    was paused already. Raises PoolError."""
    return _set_paused(session, name, True)


def resume(session: Session, name: str) -> bool:
    """False if it wasn't paused. Raises PoolError."""
    return _set_paused(session, name, False)


def prioritise(session: Session, name: str, priority: int) -> int:
    """LOWEST to HIGHEST; the pool with the highest is handed out first. The priority that it had.
    Raises PoolError."""
    if not LOWEST <= priority <= HIGHEST:
        raise PoolError(
            f"{priority} is no priority.",
            code="priority_invalid",
            next_step=f"It is a whole number from {LOWEST} to {HIGHEST}; pools begin with 0.",
        )
    pool = _locked(session, name)
    before = pool.priority
    pool.priority = priority
    return before


def stop_bundle(session: Session, bundle: str, at: datetime) -> bool:
    """Nothing of any pool of this bundle is handed out from the next claim on; what is leased is
    finished, and the bundle's files are still served. False if it was stopped already."""
    if is_stopped(session, bundle):
        return False
    insert_once(session, StoppedBundle, bundle=bundle, stopped_at=at)
    return True


def allow_bundle(session: Session, bundle: str) -> bool:
    """The opposite. False if it wasn't stopped."""
    found = session.get(StoppedBundle, bundle)
    if found is None:
        return False
    session.delete(found)
    return True


def is_stopped(session: Session, bundle: str) -> bool:
    return session.get(StoppedBundle, bundle) is not None


def _set_paused(session: Session, name: str, paused: bool) -> bool:
    pool = _locked(session, name)
    changed = pool.paused != paused
    pool.paused = paused
    return changed


def _locked(session: Session, name: str) -> Pool:
    """Two who do it at once are told apart: one did it, the other finds it done."""
    known = get_pool(session, name)
    query = select(Pool).where(Pool.id == known.id).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one()
