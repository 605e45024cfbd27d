"""Which pairs of which results are audited: the policy's draws, written down."""

from __future__ import annotations

import hashlib
import struct
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dva_agent.protocol import PairStatus
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from server.history import services as history
from server.pools.services import Unit
from server.results import services as results
from server.results.services import Result
from server.trust import policy, records
from server.trust.models import (
    COIN,
    LOOK_AGAIN,
    OPEN,
    PASSED,
    POSITION_BYTES,
    RECHECK,
    TAIL,
    Audit,
)
from server.trust.policy import Draw


def throw_coins(session: Session, secret: bytes, limit: int, at: datetime) -> int:
    """Throws the coin for up to `limit` results, oldest first, and gives how many. When that
    happens can't matter to what comes out, but for the standing that a device has by then."""
    names = results.undrawn_devices(session, limit)
    # Locked before their results are read: whoever else draws or settles for one of them has done
    # it by then.
    devices = records.all_locked(session, names)
    found = results.undrawn(session, names, limit)
    rows = []
    counts: dict[int, Counter[str]] = {}
    for result, unit in found:
        record = devices[result.device_id]
        standing = records.standing(record)
        drawn = policy.draw(secret, result.digest, _shown(result), standing)
        if drawn is not None:
            rows.append(_row(COIN, result, drawn, at))
        who = "new" if standing.is_on_probation else "known"
        looked_at = len(drawn.positions) if drawn else 0
        counts.setdefault(unit.pool_id, Counter()).update(
            {f"{who}_pairs": unit.pairs, f"{who}_drawn": looked_at}
        )
        result.drawn = True
        record.posted += 1
        record.unsettled = True
        record.last_result_at = result.scored_at
    _write(session, rows)
    history.drawn(session, at, counts)
    return len(found)


def look_again(
    session: Session,
    secret: bytes,
    audit: Audit,
    result: Result,
    taken: Sequence[int],
    at: datetime,
) -> bool:
    """Draws further pairs of an audit's result; false if all of them are taken."""
    drawn = policy.draw_again(secret, result.digest, _shown(result), taken)
    if drawn is None:
        return False
    _write(session, [_row(LOOK_AGAIN, result, drawn, at, tail=audit.tail)])
    return True


def draw_tail(
    session: Session,
    secret: bytes,
    run: Sequence[tuple[Result, Unit]],
    at: datetime,
) -> None:
    """An audit across a whole unconfirmed run, under its device's lock."""
    draws = policy.draw_tail(secret, [(result.digest, _shown(result)) for result, _ in run])
    name = tail_name(run[-1][0].id, [result.digest for result, _ in run])
    _write(
        session,
        [
            _row(TAIL, result, drawn, at, tail=name)
            for (result, _), drawn in zip(run, draws, strict=True)
            if drawn is not None
        ],
    )


def tail_name(last: int, digests: Sequence[str]) -> str:
    """It says how far it reaches: to the result numbered `last`."""
    return f"{last}-{hashlib.sha256(''.join(digests).encode()).hexdigest()[:12]}"


def reach(tail: str) -> int:
    """The number of the newest result that a tail was drawn across."""
    return int(tail.partition("-")[0])


def recheck(session: Session, secret: bytes, device: str, at: datetime, *, before: int) -> None:
    """Sends the results that were confirmed last, among those numbered below `before`, to audit
    once more; what was looked at in them before isn't looked at again."""
    found = results.confirmed_lately(session, device, before=before, limit=policy.RECHECKED_RESULTS)
    _recheck(session, secret, found, policy.RECHECK_PAIRS, at)


def recheck_all(
    session: Session, secret: bytes, found: Sequence[tuple[Result, Unit]], at: datetime
) -> None:
    """Sends these confirmed results to audit once more, as `recheck` does; those too that were
    sent before, for somebody wants to know anew."""
    _recheck(session, secret, found, policy.RECHECK_PAIRS, at, anew=True)


def once_more(
    session: Session, secret: bytes, run: Sequence[tuple[Result, Unit]], at: datetime
) -> None:
    """Sends pending results to audit once more as if their device were new: another one of its
    contributor has failed. Those of which all was looked at have passed that."""
    _recheck(session, secret, run, policy.PROBATION_PAIRS, at, whole=True)


def _recheck(
    session: Session,
    secret: bytes,
    found: Sequence[tuple[Result, Unit]],
    pairs: int,
    at: datetime,
    *,
    anew: bool = False,
    whole: bool = False,
) -> None:
    """`whole`: where no pair is left to look at, it is written down as passed."""
    rows = []
    for result, _ in found:
        audits = session.scalars(select(Audit).where(Audit.result_id == result.id)).all()
        if not anew and any(audit.kind == RECHECK for audit in audits):
            continue
        taken = sorted({place for audit in audits for place in unpack(audit.positions)})
        drawn = policy.draw_recheck(secret, result.digest, _shown(result), taken, pairs)
        if drawn is not None:
            rows.append(_row(RECHECK, result, drawn, at))
        elif whole:
            nothing = _row(RECHECK, result, Draw(seed=b"", positions=()), at)
            rows.append({**nothing, "state": PASSED, "finished_at": at})
    _write(session, rows)


def _shown(result: Result) -> Sequence[int]:
    """Its pairs that weren't withheld: nobody computed those. Where all of them were, all: an audit
    that finds nothing to compare is void, and the result is settled."""
    pairs = range(len(result.statuses))
    if PairStatus.WITHHELD not in result.statuses:
        # As nearly always.
        return pairs
    return [place for place in pairs if result.statuses[place] != PairStatus.WITHHELD] or pairs


def pack(positions: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(positions)}H", *positions)


def unpack(positions: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(positions) // POSITION_BYTES}H", positions)


def _row(
    kind: str, result: Result, drawn: Draw, at: datetime, *, tail: str | None = None
) -> dict[str, Any]:
    return {
        "result_id": result.id,
        "device_id": result.device_id,
        "tail": tail,
        "kind": kind,
        "seed": drawn.seed,
        "policy": policy.VERSION,
        "positions": pack(drawn.positions),
        "state": OPEN,
        "created_at": at,
        "finished_at": None,
    }


def _write(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Together: a statement for each would be sent to learn its number, which nobody asks for."""
    session.flush()
    if rows:
        session.execute(insert(Audit), rows)
