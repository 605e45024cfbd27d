"""Leases. Each function runs inside the caller's write transaction and takes the time from it.

    held -> done         a result was accepted
         -> abandoned    the device gave it back
         -> expired      its deadline passed, and somebody asked for work

Every state but `held` is the last. A unit is `leased` exactly while one lease on it is held; or, if
that is for a copy of what has a result already, its ballot is.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from dva_agent.protocol import Idle, Leases, Span
from dva_agent.protocol import Lease as LeaseMessage
from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.orm import Session

from server.config import Settings
from server.contributors import services as contributors
from server.db import update_now
from server.pools import services as pools
from server.pools.services import Served, Unit
from server.refusals import LeaseEnded, LeaseNotYours, LeaseUnknown
from server.reports import services as reports
from server.work import caps, copies, readiness
from server.work.gate import Asking, Gate, open_to_all
from server.work.models import ABANDONED, CAME_TO_NOTHING, DONE, EXPIRED, HELD, Lease

EXPIRE_AT_ONCE = 1000
FORGET_AT_ONCE = 100
ENDED_KEPT = timedelta(days=1)
RETRY_DRAINED_S = 60.0
RETRY_SHARD_S = 60.0
RETRY_LICENCE_S = 60.0
RETRY_PAUSED_S = 60.0
RETRY_UNTESTED_S = 30.0
RETRY_LONGEST_S = 30.0
_LEASE = re.compile(r"[0-9a-f]{32}")

# With each claim and each result: made once.
_HELD = (
    select(Lease)
    .where(Lease.device_id == bindparam("device"), Lease.state == HELD)
    .order_by(Lease.deadline, Lease.unit_id)
)
_LATE = (
    select(Lease)
    .where(Lease.state == HELD, Lease.deadline <= bindparam("at"))
    .order_by(Lease.deadline)
    .limit(EXPIRE_AT_ONCE)
    .with_for_update(skip_locked=True)
)
_OLD = (
    select(Lease.id)
    .where(CAME_TO_NOTHING, Lease.deadline <= bindparam("at"))
    .order_by(Lease.deadline)
    .limit(FORGET_AT_ONCE)
    .with_for_update(skip_locked=True)
)
_OWN = select(Lease).where(Lease.id == bindparam("lease")).with_for_update()

Claimed = list[tuple[Lease, Unit]]
__all__ = ["Claimed", "Lease"]


def claim(
    session: Session,
    settings: Settings,
    *,
    device: str,
    pool_ids: Sequence[int],
    count: int,
    at: datetime,
    request: str | None = None,
    brought_by: str | None = None,
    network: str | None = None,
    gate: Gate = open_to_all,
) -> tuple[Claimed, Idle | None]:
    """Up to `count` leases for a device, or why there are none. Those that the device holds because
    of the same `request` are all it gets: the answer that granted them was lost. `network`: a name
    for where the device is, for the caps. `gate`: who has to wait, or gets less, whatever there is
    to do."""
    contributors.lock_contributor(session, device)
    contributors.lock(session, device, at)
    expire(session, at)
    forget(session, at)
    held = session.scalars(_HELD, {"device": device}).all()
    if request is not None:
        granted = _live(session, [lease for lease in held if lease.request == request], at)
        if granted:
            return granted, None
    served = pools.served(session, settings, pool_ids)
    if pool_ids and not served:
        return [], _unserved(session, pool_ids, device, at)
    audited = any(pool.audited for pool in served)
    trusted, idle = gate(session, Asking(device, len(held), audited), at)
    if idle is not None:
        return [], idle
    room, idle = caps.room(session, settings, device=device, network=network, held=held, at=at)
    if idle is not None:
        return [], idle
    ready = readiness.ready(session, device, served, at)
    claimed: Claimed = []
    ids = [pool.id for pool in ready]
    wanted = min(count, room, trusted)
    # What others wait for comes first.
    again = copies.take(session, ids, device=device, network=network, count=wanted, at=at)
    taken = pools.take_open_units(session, ids, wanted - len(again))
    for unit, copy in [*again, *((unit, 0) for unit in taken.units)]:
        lease = Lease(
            id=secrets.token_hex(16),
            unit_id=unit.id,
            device_id=device,
            copy=copy,
            state=HELD,
            claimed_at=at,
            deadline=at + timedelta(seconds=settings.lease_seconds),
            brought_by=brought_by,
            request=request,
            network=network,
        )
        session.add(lease)
        claimed.append((lease, unit))
    session.flush()
    if claimed:
        contributors.took(session, device, len(claimed), at)
        return claimed, None
    due = _due(session, [pool for pool in served if pool not in ready])
    if due is not None:
        return [], due
    if taken.unavailable:
        return [], Idle(reason="shard_unavailable", retry_after_s=RETRY_SHARD_S)
    idle = _idle(session, [pool.id for pool in served], device, at)
    # A pool that waits for its operator isn't done.
    return [], (_paused(session, pool_ids) or idle) if idle.reason == "drained" else idle


def expire(session: Session, at: datetime) -> None:
    """Gives the units of leases past their deadline back. Leases that another transaction holds
    are passed over: it is deciding about them."""
    late = session.scalars(_LATE, {"at": at}).all()
    for lease in late:
        _end(session, lease, EXPIRED)
        _give_back(session, lease)
    if late:
        session.flush()


def forget(session: Session, at: datetime) -> None:
    """Drops some of the leases that came to nothing a day ago and more. Nothing refers to them, and
    a claim that adds up to eight drops up to FORGET_AT_ONCE: the table doesn't grow by them."""
    if found := session.scalars(_OLD, {"at": at - ENDED_KEPT}).all():
        session.execute(delete(Lease).where(Lease.id.in_(found)))


def own(session: Session, device: str, lease: str, at: datetime) -> Lease:
    """A lease of this device, locked. `lease` comes from outside. Raises LeaseUnknown,
    LeaseNotYours."""
    if not _LEASE.fullmatch(lease):
        raise LeaseUnknown("There is no such lease.")
    contributors.lock(session, device, at)
    found = session.scalar(_OWN, {"lease": lease})
    if found is None:
        raise LeaseUnknown("There is no such lease.")
    if found.device_id != device:
        raise LeaseNotYours("This lease belongs to another device.")
    return found


def is_done(lease: Lease) -> bool:
    """Whether a result was accepted under it."""
    return lease.state == DONE


def require_held(lease: Lease, at: datetime) -> None:
    """Raises LeaseEnded unless the lease is held and its deadline is to come."""
    if lease.state == ABANDONED:
        raise LeaseEnded("This lease was given back.", code="lease_abandoned")
    if lease.state != HELD or lease.deadline <= at:
        raise LeaseEnded("This lease has ended.", code="lease_expired")


def keep_alive(settings: Settings, lease: Lease, at: datetime) -> None:
    """Moves the deadline, but never past `lease_max_seconds` after the claim: a device that hangs
    with its heart beating doesn't keep a unit for ever."""
    require_held(lease, at)
    latest = lease.claimed_at + timedelta(seconds=settings.lease_max_seconds)
    lease.deadline = min(at + timedelta(seconds=settings.lease_seconds), latest)


def abandon(session: Session, lease: Lease) -> None:
    """Gives the unit back; or, if its result is stored, the units that the result brought: a device
    that gives up a lease after that has not had the answer. Nothing else happens to a lease that
    has ended: the device doesn't hold it, which is all it asks for."""
    given_up = [lease] if lease.state == HELD else _brought(session, lease.id)
    for each in given_up:
        if each.state == HELD:
            _end(session, each, ABANDONED)
            _give_back(session, each)


def finish(session: Session, lease: Lease, unit: Unit, at: datetime) -> None:
    """After a result was accepted. Where others may be given the same unit, it is noted who this
    one was from."""
    if unit.shard.pool.policy == pools.REPLICATION:
        copies.enter(session, lease, unit, at)
    _end(session, lease, DONE)
    if not lease.copy:
        pools.finish_unit(session, lease.unit_id)


def brought(session: Session, lease: str, at: datetime) -> Claimed | None:
    """The leases that a result under `lease` brought and that are still held; None if it never
    brought any."""
    leases = _brought(session, lease)
    return _live(session, leases, at) if leases else None


def _end(session: Session, lease: Lease, state: str) -> None:
    """Where it was claimed from counts only while it is held."""
    update_now(session, [lease], state=state, network=None)


def _give_back(session: Session, lease: Lease) -> None:
    if lease.copy:
        copies.give_back(session, lease.unit_id)
    else:
        pools.reopen_unit(session, lease.unit_id)


def _brought(session: Session, lease: str) -> Sequence[Lease]:
    query = select(Lease).where(Lease.brought_by == lease).order_by(Lease.unit_id)
    return session.scalars(query.with_for_update()).all()


def _live(session: Session, leases: Sequence[Lease], at: datetime) -> Claimed:
    """Those that are held, with their units."""
    return [
        (lease, pools.get_unit(session, lease.unit_id))
        for lease in leases
        if lease.state == HELD and lease.deadline > at
    ]


def count_leased(session: Session, at: datetime) -> dict[int, int]:
    """Units in flight, by pool id. What is past its deadline doesn't count, though nobody has
    expired it yet; nor do copies of units that have a result."""
    rows = session.execute(
        select(Unit.pool_id, func.count())
        .join(Lease, Lease.unit_id == Unit.id)
        .where(Lease.state == HELD, Lease.deadline > at, Lease.copy == 0)
        .group_by(Unit.pool_id)
    )
    return {pool: int(count) for pool, count in rows}


def count_held(session: Session) -> int:
    """Leases that nobody has ended yet, those past their deadline too."""
    return session.scalars(select(func.count()).select_from(Lease).where(Lease.state == HELD)).one()


def count_held_by(session: Session, devices: Collection[str]) -> int:
    """Those of these devices."""
    query = select(func.count()).select_from(Lease)
    return session.scalars(query.where(Lease.state == HELD, Lease.device_id.in_(devices))).one()


def held(session: Session, limit: int) -> Claimed:
    """Leases that nobody has ended yet, by deadline, with their units."""
    rows = session.execute(
        select(Lease, Unit)
        .join(Unit, Lease.unit_id == Unit.id)
        .where(Lease.state == HELD)
        .order_by(Lease.deadline)
        .limit(limit)
        .options(pools.WITH_POOL)
    )
    return [(lease, unit) for lease, unit in rows]


def oldest_held(session: Session) -> datetime | None:
    """When the oldest lease was claimed that nobody has ended yet."""
    return session.scalars(select(func.min(Lease.claimed_at)).where(Lease.state == HELD)).one()


def count_ended(session: Session) -> dict[str, int]:
    """Leases that came to nothing within a day or so, by state."""
    rows = session.execute(
        select(Lease.state, func.count()).where(CAME_TO_NOTHING).group_by(Lease.state)
    )
    return {ABANDONED: 0, EXPIRED: 0, **{state: int(count) for state, count in rows}}


def withheld(session: Session, claimed: Claimed) -> Mapping[int, reports.Positions]:
    """What the message of these leases is to hide."""
    return reports.withheld(session, [unit.id for _, unit in claimed])


def leases_message(
    settings: Settings,
    claimed: Claimed,
    idle: Idle | None,
    hidden: Mapping[int, reports.Positions],
    at: datetime,
) -> Leases:
    """The message. Called after the transaction, for it reads the index files."""
    return Leases(
        leases=[
            LeaseMessage(
                lease=lease.id,
                unit=unit.name,
                pool=unit.shard.pool.name,
                agent=unit.shard.pool.agent,
                bundle=unit.shard.pool.bundle,
                bundle_url=pools.bundle_url(unit.shard.pool.bundle),
                shard_url=pools.shard_url(unit.shard),
                captions_url=pools.captions_url(unit),
                span=Span(start=unit.span_start, size=unit.span_size),
                pairs=reports.hide(
                    pools.unit_pairs(settings, unit), hidden.get(unit.id, reports.NOWHERE)
                ),
                expires_in_s=max((lease.deadline - at).total_seconds(), 0.0),
            )
            for lease, unit in claimed
        ],
        idle=idle,
    )


def _due(session: Session, untested: Sequence[Served]) -> Idle | None:
    """What to test for the sake of work that there is. Only asked where there is no other: a device
    that can't compute one bundle goes on with the rest."""
    if not untested:
        return None
    ids = [pool.id for pool in untested]
    first = pools.first_unfinished(session, ids) or copies.first_wanted(session, ids)
    for pool in untested:
        if pool.id == first:
            return Idle(
                reason="selftest_due",
                retry_after_s=RETRY_UNTESTED_S,
                bundle=pool.bundle,
                bundle_url=pools.bundle_url(pool.bundle),
            )
    return None


def _unserved(session: Session, pool_ids: Sequence[int], device: str, at: datetime) -> Idle:
    """Why no unit of any of these pools is handed out."""
    paused = pools.paused(session, pool_ids)
    if len(paused) < len(pool_ids):
        unaccepted = Idle(reason="licence_unaccepted", retry_after_s=RETRY_LICENCE_S)
        return _paused(session, paused) or unaccepted
    return _paused(session, paused) or _idle(session, paused, device, at)


def _paused(session: Session, pool_ids: Sequence[int]) -> Idle | None:
    """If there is work in one that is paused."""
    if pools.first_unfinished(session, pools.paused(session, pool_ids)) is None:
        return None
    return Idle(reason="pool_paused", retry_after_s=RETRY_PAUSED_S)


def _idle(session: Session, pool_ids: Sequence[int], device: str, at: datetime) -> Idle:
    if not pool_ids and pools.has_pools(session):
        return Idle(reason="no_agent", retry_after_s=RETRY_LONGEST_S)
    counts = pools.count_units(session, pool_ids)
    if not counts.total:
        return Idle(reason="no_pool", retry_after_s=RETRY_LONGEST_S)
    if counts.done == counts.total and not copies.may_come(session, pool_ids, device):
        return Idle(reason="drained", retry_after_s=RETRY_DRAINED_S)
    next_deadline = session.scalar(
        select(func.min(Lease.deadline))
        .join(Unit, Lease.unit_id == Unit.id)
        .where(Lease.state == HELD, Unit.pool_id.in_(pool_ids))
    )
    # None: the rest is being claimed or given back at this moment.
    wait = 1.0 if next_deadline is None else _until(next_deadline, at)
    return Idle(reason="all_leased", retry_after_s=wait)


def _until(deadline: datetime, at: datetime) -> float:
    """Seconds; not until the very deadline, since units are given back earlier too."""
    return min(max((deadline - at).total_seconds(), 1.0), RETRY_LONGEST_S)
