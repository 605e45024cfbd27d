"""How the pending results of a device stand, for the policy to say which are confirmed."""

from __future__ import annotations

from itertools import groupby

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from server.results import services as results
from server.results.services import Result
from server.trust import drawing
from server.trust.judging import DISPUTED
from server.trust.models import AGAIN, OPEN, PASSED, POSITION_BYTES, RECHECK, Audit
from server.trust.policy import Outcome

# Asked after each audit, and a run is forty results long: made once, and read as plain columns.
_RUN = (
    select(
        Result.id,
        Result.drawn,
        Audit.state,
        Audit.kind,
        Audit.tail,
        Audit.reason,
        func.length(Audit.positions).label("bytes"),
    )
    .outerjoin(Audit, Audit.result_id == Result.id)
    .where(results.in_run_of(bindparam("device")))
    .order_by(Result.id)
)


def outcomes(session: Session, device: str) -> list[Outcome]:
    """Of each pending result, oldest first."""
    rows = session.execute(_RUN, {"device": device}).all()
    tails: dict[str, bool] = {}
    for row in rows:
        if row.tail is not None:
            tails[row.tail] = tails.get(row.tail, True) and row.state != OPEN
    reached = max((drawing.reach(tail) for tail, whole in tails.items() if whole), default=0)
    found = []
    for number, group in groupby(rows, key=lambda row: row.id):
        audits = list(group)
        # One that was too close to call counts once the one that went on from it has passed.
        counted = sum(row.bytes for row in audits if row.state in (PASSED, AGAIN))
        found.append(
            Outcome(
                waiting=not audits[0].drawn or any(row.state == OPEN for row in audits),
                # Where decoders disagree, less is known of the others than their number says.
                passed=0
                if any(row.reason == DISPUTED for row in audits)
                else counted // POSITION_BYTES,
                tail=number <= reached,
                again=any(row.kind == RECHECK for row in audits),
            )
        )
    return found
