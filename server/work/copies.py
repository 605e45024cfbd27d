"""Units that more than one contributor is given, one after the other (pools under replication).
Whether another result is wanted, trust decides; who gets the unit for it, lots do.

Nobody can choose to be the one who bears a result out. Each network has a lot for each copy, drawn
from a seed that is in nobody's hands but the server's, and may be given the unit once a share of
some minutes has passed that is as large as its lot. The more networks are at work, the more minutes
those are, so that the lowest lot has time to come and ask, and whoever asks all the time wins
little by it. Never is a unit given to a contributor or a network that has posted a result for it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, delete, exists, func, select, update
from sqlalchemy.orm import Session

from server.contributors import services as contributors
from server.pools import services as pools
from server.pools.services import Unit
from server.refusals import ShardUnavailable
from server.work.models import ASIDE, DUE, HELD, LEASED, WANTED, Ballot, Lease, Voter

OPENING = timedelta(minutes=5)
"""After that, or PATIENCE for each network at work, whoever may have it at all may have it."""
PATIENCE = timedelta(seconds=30)
LOOKED_AT = 64
"""Of the copies that are wanted, so many are gone through in a claim, the oldest first."""
MISSING_AT_ONCE = 8
"""How often a claim looks on past copies whose shard can't be fetched."""
HERE = "here"
"""The network of requests from this machine itself."""


def is_drawn(seed: bytes, network: str, waited: timedelta, networks: int) -> bool:
    """Whether a network's turn has come, for a copy that has been wanted for so long, while so many
    are at work."""
    digest = hashlib.sha256(seed + network.encode()).digest()
    lot = int.from_bytes(digest[:6], "big") / 2**48
    return lot * max(OPENING, networks * PATIENCE) <= waited


def enter(session: Session, lease: Lease, unit: Unit, at: datetime) -> None:
    """A result has come under this lease, which is still held. It is to be counted."""
    if lease.copy:
        ballot = session.get_one(Ballot, unit.id, with_for_update=True)
        ballot.state = DUE
        ballot.copies = lease.copy + 1
    else:
        session.add(Ballot(unit_id=unit.id, pool_id=unit.pool_id, seed=b"", opened_at=at))
    session.flush()
    session.add(
        Voter(
            unit_id=unit.id,
            contributor_id=contributors.contributor_of(session, lease.device_id),
            network=lease.network or HERE,
        )
    )


# With each claim, in which mostly there is none: made once.
_FIRST_WANTED = (
    select(Ballot.pool_id)
    .where(Ballot.pool_id.in_(bindparam("pools", expanding=True)), Ballot.state == WANTED)
    .order_by(Ballot.pool_id)
    .limit(1)
)


def first_wanted(session: Session, pool_ids: Sequence[int]) -> int | None:
    """The oldest of the pools that wants another result of some unit."""
    return session.scalar(_FIRST_WANTED, {"pools": pool_ids})


def take(
    session: Session,
    pool_ids: Sequence[int],
    *,
    device: str,
    network: str | None,
    count: int,
    at: datetime,
) -> list[tuple[Unit, int]]:
    """Up to `count` units for which another result is wanted and which this device's lot gives it,
    now leased, with the number of results that each has. Those that another claim is taking at
    this moment are passed over, as are those whose shard can't be fetched or is set aside."""
    if not pool_ids or first_wanted(session, pool_ids) is None:
        return []
    mine = _may_have(contributors.contributor_of(session, device), network)
    taken: list[tuple[Unit, int]] = []
    missing: set[int] = set()
    # A shard that is away takes no more than its own units out of the line.
    for _ in range(MISSING_AT_ONCE):
        before = len(missing)
        taken += _take(session, pool_ids, mine, network, count - len(taken), missing, at)
        if len(missing) == before or len(taken) == count:
            break
    session.flush()
    return taken


def _take(
    session: Session,
    pool_ids: Sequence[int],
    mine: ColumnElement[bool],
    network: str | None,
    count: int,
    missing: set[int],
    at: datetime,
) -> list[tuple[Unit, int]]:
    """Of the LOOKED_AT oldest. `missing`: shards not to look at, to which those are added that
    can't be fetched."""
    waiting = session.execute(
        select(Ballot.unit_id, Ballot.seed, Ballot.opened_at)
        .join(Unit, Unit.id == Ballot.unit_id)
        .where(
            Ballot.state == WANTED,
            Ballot.pool_id.in_(pool_ids),
            mine,
            pools.GIVEN_OUT,
            Unit.shard_id.not_in(missing),
        )
        .order_by(Ballot.opened_at, Ballot.unit_id)
        .limit(LOOKED_AT)
    ).all()
    if not waiting:
        return []
    busy = select(func.count(Lease.network.distinct())).where(Lease.state == HELD)
    networks = session.scalars(busy).one()
    drawn = [
        unit
        for unit, seed, since in waiting
        if is_drawn(seed, network or HERE, at - since, networks)
    ]
    taken: list[tuple[Unit, int]] = []
    for number in drawn:
        if len(taken) == count:
            break
        unit = pools.get_unit(session, number)
        if unit.shard_id in missing:
            continue
        try:
            pools.checked_path(unit.shard)
        except ShardUnavailable:
            missing.add(unit.shard_id)
            continue
        ballot = session.scalar(
            select(Ballot)
            .where(Ballot.unit_id == number, Ballot.state == WANTED)
            .with_for_update(skip_locked=True)
        )
        if ballot is not None:
            ballot.state = LEASED
            taken.append((unit, ballot.copies))
            # The next look is to see it gone.
            session.flush()
    return taken


def give_back(session: Session, unit: int) -> None:
    """A lease for a copy came to nothing."""
    session.get_one(Ballot, unit).state = WANTED


def may_come(session: Session, pool_ids: Sequence[int], device: str) -> bool:
    """Whether this device may yet be given a unit that has a result."""
    contributor = contributors.contributor_of(session, device)
    return bool(
        session.scalar(
            select(
                exists().where(
                    Ballot.state.in_((DUE, WANTED, LEASED)),
                    Ballot.pool_id.in_(pool_ids),
                    ~_has_voted(Voter.contributor_id == contributor),
                )
            )
        )
    )


def due(session: Session, limit: int) -> Sequence[int]:
    """Units with a result that nobody has counted, the oldest first."""
    query = select(Ballot.unit_id).where(Ballot.state == DUE)
    return session.scalars(query.order_by(Ballot.opened_at, Ballot.unit_id).limit(limit)).all()


def put_off(session: Session, unit: int, at: datetime) -> None:
    """Its results couldn't be counted: others are tried first."""
    ballot = session.get(Ballot, unit)
    if ballot is not None and ballot.state == DUE:
        ballot.opened_at = at


def lock_due(session: Session, unit: int) -> bool:
    """Until the transaction ends, nobody else counts this unit's results; False: somebody does, or
    has."""
    return (
        session.scalar(
            select(Ballot.unit_id)
            .where(Ballot.unit_id == unit, Ballot.state == DUE)
            .with_for_update(skip_locked=True)
        )
        is not None
    )


def want(session: Session, unit: int, at: datetime) -> None:
    """One more result is wanted, by lots that are drawn anew."""
    ballot = session.get_one(Ballot, unit)
    ballot.state, ballot.opened_at, ballot.seed = WANTED, at, secrets.token_bytes(16)


def set_aside(session: Session, unit: int) -> None:
    """Nobody is given the unit any more, and where its results are from needn't be known."""
    session.get_one(Ballot, unit).state = ASIDE
    session.execute(update(Voter).where(Voter.unit_id == unit).values(network=None))


def close(session: Session, unit: int) -> None:
    """It is decided: what was noted for its sake goes."""
    session.execute(delete(Voter).where(Voter.unit_id == unit))
    session.execute(delete(Ballot).where(Ballot.unit_id == unit))


def aside(session: Session, pool: int | None = None) -> Sequence[int]:
    """Units that were set aside, of this pool or of all."""
    query = select(Ballot.unit_id).where(Ballot.state == ASIDE).order_by(Ballot.unit_id)
    return session.scalars(query if pool is None else query.where(Ballot.pool_id == pool)).all()


def is_aside(session: Session, unit: int) -> bool:
    """Until the transaction ends, that stays so."""
    ballot = session.get(Ballot, unit, with_for_update=True)
    return ballot is not None and ballot.state == ASIDE


def voters(session: Session, unit: int) -> Sequence[str]:
    """The contributors who posted the results of a unit that isn't decided, or was set aside."""
    query = select(Voter.contributor_id).where(Voter.unit_id == unit)
    return session.scalars(query.order_by(Voter.contributor_id)).all()


def is_idle(session: Session, pool: int) -> bool:
    """Whether nobody works on this pool, nor is any unit of it undecided."""
    held = select(Lease.id).join(Unit, Unit.id == Lease.unit_id)
    return not session.scalar(
        select(
            exists(held.where(Lease.state == HELD, Unit.pool_id == pool))
            | exists().where(Ballot.pool_id == pool, Ballot.state != ASIDE)
        )
    )


def _may_have(contributor: str, network: str | None) -> ColumnElement[bool]:
    return ~_has_voted((Voter.contributor_id == contributor) | (Voter.network == (network or HERE)))


def _has_voted(who: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(Voter.unit_id == Ballot.unit_id, who)
