"""/admin/reports: pairs that people have reported, looked at and decided about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from dva_agent.protocol import PairRef
from flask import Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from server.admin import door
from server.admin.acting import Detail, act
from server.admin.blueprint import blueprint
from server.admin.pages import asked, listed
from server.admin.roles import OPERATOR
from server.db import now
from server.errors import PoolError
from server.pools import services as pools
from server.pools.pictures import caption_of, picture_of
from server.pools.services import Shard
from server.refusals import NotFound, ShardUnavailable
from server.reports import services as reports
from server.reports.services import TAKEDOWN, Listed, State
from server.web import NUMBER, database, settings

SHOWN = 24
STATES: Sequence[State] = get_args(State)
WAITING: State = "withheld"
Decision = Literal["confirmed", "restored"]
SAID: dict[Decision, str] = {"confirmed": "stays away for good", "restored": "is handed out again"}


@dataclass(frozen=True, kw_only=True)
class Card:
    pair: Listed
    caption: str | None
    pictured: bool
    decidable: bool
    """A takedown is an order of its own: it isn't undone here."""


@blueprint.get("/reports")
def reports_page() -> ResponseReturnValue:
    wanted = listed.wanted(SHOWN, states=STATES, usual=WAITING)
    states = [state for state in STATES if state == wanted.state] or STATES
    with database().read() as session:
        total = reports.count_listed(session, pool=None, states=states)
        found = reports.listed(
            session, pool=None, states=states, first=wanted.first, count=wanted.size
        )
        cards = [_card(session, pair) for pair in found]
    return render_template(
        "admin/reports.html", cards=cards, total=total, wanted=wanted, waiting=WAITING
    )


@blueprint.get(f"/reports/{NUMBER}/picture")
def reported_picture(number: int) -> ResponseReturnValue:
    with database().read() as session:
        found = _find(session, number)
        shard, pair = _place(session, found)
        if shard is None or pair is None or TAKEDOWN in found.reasons:
            raise NotFound("There is no such picture.")
        picture = picture_of(shard, pair)
    response = Response(picture.data, mimetype=picture.kind)
    response.headers["Content-Disposition"] = "inline"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


@blueprint.post(f"/reports/{NUMBER}/decide")
@door.at_least(OPERATOR)
def decide_report(number: int) -> ResponseReturnValue:
    state = _decision(request.form.get("decision", ""))
    with database().read() as session:
        pair = _find(session, number)

    def decide(session: Session) -> Detail | None:
        before = _find(session, number)
        if TAKEDOWN in before.reasons:
            raise PoolError(
                "This pair was taken down.",
                code="report_taken_down",
                next_step="That is an order of its own, which a decision on a report can't undo.",
            )
        changed = reports.decide(session, [number], state, now())
        return {"before": before.state, "after": state} if changed else None

    return act(
        decide,
        action=f"report {state}",
        subject=f"{pair.pool}/{pair.unit}/{pair.uid}",
        name=f"Report {number}: the pair",
        done=SAID[state],
        already=f"was {state} already",
        to=url_for("admin.reports_page", state=asked.field("state", 20)),
    )


def _decision(text: str) -> Decision:
    """Raises PoolError."""
    for decision in SAID:
        if decision == text:
            return decision
    raise PoolError(
        f"{text[:20]!r} is no decision.",
        code="report_decision_invalid",
        next_step="A reported pair is confirmed or restored.",
    )


def _find(session: Session, number: int) -> Listed:
    """Raises NotFound."""
    found = reports.find(session, number)
    if found is None:
        raise NotFound("There is no such report.")
    return found


def _place(session: Session, found: Listed) -> tuple[Shard | None, PairRef | None]:
    unit = pools.find_unit(session, found.pool, found.unit)
    if unit is None:
        return None, None
    pairs = (pair for pair in pools.unit_pairs(settings(), unit) if pair.uid == found.uid)
    return unit.shard, next(pairs, None)


def _card(session: Session, found: Listed) -> Card:
    shard, pair = _place(session, found)
    taken_down = TAKEDOWN in found.reasons
    if shard is None or pair is None or taken_down or not _is_there(shard):
        return Card(pair=found, caption=None, pictured=False, decidable=not taken_down)
    return Card(
        pair=found,
        caption=caption_of(shard, pair),
        pictured=pair.image is not None,
        decidable=True,
    )


def _is_there(shard: Shard) -> bool:
    try:
        pools.checked_path(shard)
    except ShardUnavailable:
        return False
    return True
