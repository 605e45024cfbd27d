"""What an operator decides: a pool's policy, and whether units whose results contradicted each
other are given out once more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete
from sqlalchemy.orm import Session

from server.errors import TrustError
from server.pools import services as pools
from server.pools.services import Policy
from server.results import copies as stored
from server.trust.replication.models import Contradicted
from server.work import copies


@dataclass(frozen=True, kw_only=True)
class Aside:
    """A unit that was set aside, and the contributors whose results of it contradicted each other
    the last time."""

    pool: str
    unit: str
    contributors: Sequence[str]


def change_policy(session: Session, name: str, policy: Policy) -> None:
    """What was set aside in the pool is given out anew where auditors are to check it. Raises
    PoolError if there is no such pool, TrustError while anybody works on it or a result of it is
    pending: that one was posted under the other policy."""
    pool = pools.get_pool(session, name)
    if pool.policy == policy:
        return
    if not copies.is_idle(session, pool.id) or stored.has_pending(session, pool.id):
        raise TrustError(
            f"Results of the pool {name} are pending, or on their way.",
            code="policy_in_use",
            next_step="Wait until they are decided about.",
        )
    pool.policy = policy
    if policy == pools.AUDIT:
        for unit in copies.aside(session, pool.id):
            _give_out(session, unit)


def aside(session: Session) -> list[Aside]:
    """All units that were set aside."""
    found = []
    for number in copies.aside(session):
        unit = pools.get_unit(session, number)
        found.append(
            Aside(
                pool=unit.shard.pool.name,
                unit=unit.name,
                contributors=copies.voters(session, number),
            )
        )
    return found


def reopen(session: Session, pool: str, name: str) -> None:
    """Gives a unit that was set aside out anew, as if nobody had had it. Raises TrustError if it
    wasn't set aside."""
    unit = pools.find_unit(session, pool, name)
    if unit is None or not copies.is_aside(session, unit.id):
        raise TrustError(
            f"The unit {name} of the pool {pool} wasn't set aside.",
            code="unit_not_aside",
            next_step="dva trust aside lists those that were.",
        )
    _give_out(session, unit.id)


def _give_out(session: Session, unit: int) -> None:
    """Its results are rejected by now."""
    pools.redo_units(session, [unit])
    session.execute(delete(Contradicted).where(Contradicted.unit_id == unit))
    copies.close(session, unit)
