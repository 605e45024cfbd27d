"""What an operator decides: a pool's policy, and what becomes of units whose results contradict
each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from server.config import Settings
from server.contributors import services as contributors
from server.credit import services as credit
from server.credit.earning import earned
from server.errors import TrustError
from server.pools import services as pools
from server.pools.services import Policy
from server.results import copies as stored
from server.work import copies

NO_MAJORITY = "no_majority"


@dataclass(frozen=True, kw_only=True)
class Aside:
    """A unit that was set aside, and the devices whose results of it contradict each other."""

    pool: str
    unit: str
    devices: Sequence[str]


def change_policy(session: Session, name: str, policy: Policy) -> None:
    """Raises PoolError if there is no such pool, TrustError while anybody works on it or a result
    of it is pending: that one was posted under the other policy."""
    pool = pools.get_pool(session, name)
    if pool.policy == policy:
        return
    if not copies.is_idle(session, pool.id) or stored.has_pending(session, pool.id):
        raise TrustError(
            f"Results of the pool {name} are pending, or on their way.",
            code="policy_in_use",
            next_step="Wait until they are decided about; dva trust aside lists what waits on you.",
        )
    pool.policy = policy


def aside(session: Session) -> list[Aside]:
    """All units that were set aside."""
    found = []
    for number in copies.aside(session):
        unit = pools.get_unit(session, number)
        devices = [result.device_id for result in stored.of_unit(session, number)]
        found.append(Aside(pool=unit.shard.pool.name, unit=unit.name, devices=devices))
    return found


def reopen(session: Session, settings: Settings, pool: str, name: str, at: datetime) -> int:
    """Gives a unit that was set aside out anew, as if nobody had had it; its results are rejected.
    Gives how many they were. Raises TrustError if it wasn't set aside."""
    unit = pools.find_unit(session, pool, name)
    if unit is None or not copies.aside(session, [unit.id]):
        raise TrustError(
            f"The unit {name} of the pool {pool} wasn't set aside.",
            code="unit_not_aside",
            next_step="dva trust aside lists those that were.",
        )
    results = stored.of_unit(session, unit.id)
    for result in results:
        whose = contributors.contributor_of(session, result.device_id)
        run = [earned(settings, result, unit)]
        credit.forfeit(session, whose, run, at, reason=NO_MAJORITY)
    stored.reject_copies(session, results)
    copies.close(session, unit.id)
    return len(results)
