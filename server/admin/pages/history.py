"""/admin/history: the overview's figures and charts as JSON, for a range of time."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from flask import Response, request

from server.admin import figures, plots, spans
from server.admin.blueprint import blueprint
from server.admin.spans import Span
from server.db import now
from server.history import services as history
from server.history.services import HOUR, MINUTE, Period, fitting
from server.pools import services as pools
from server.refusals import MessageInvalid
from server.web import database, settings

MOST = 3000
"""Periods in an answer."""
_DIGITS = 11


@blueprint.get("/history")
def history_json() -> Response:
    """`span`: hour, day or week, of which the figures are, too; by default the hour. Or `since` and
    `until`: seconds since 1970. `period`: 60 or 3600; by default minutes for up to six hours."""
    at = now()
    history.tally().flush_now(at)
    span = spans.named(request.args.get("span", spans.HOUR.key))
    if span is None:
        raise MessageInvalid("span is hour, day or week, or isn't there.")
    since, until, period = asked(at, span)
    with database().read() as session:
        series = history.series(session, period=period, since=since, until=until)
        statuses = pools.statuses(session, {})
        body = {
            "at": at.replace(microsecond=0),
            "period_s": period.seconds,
            "starts": [int(start.timestamp()) for start in series.starts],
            "lines": plots.values(series, at),
            "figures": [
                {"key": each.key, "value": each.value, "note": each.note}
                for each in figures.figures(session, settings(), at, span)
            ],
            "left": figures.left(session, statuses, at),
        }
    return Response(msgspec.json.encode(body), mimetype="application/json")


def asked(at: datetime, span: Span) -> tuple[datetime, datetime, Period]:
    """Which periods the address asks for. Raises MessageInvalid."""
    until = _time("until") or at
    since = _time("since") or span.since(until)
    text = request.args.get("period", "")
    period = {"": fitting(until - since), "60": MINUTE, "3600": HOUR}.get(text)
    if period is None:
        raise MessageInvalid("period is 60 or 3600, or isn't there.")
    if since >= until:
        raise MessageInvalid("since comes before until.")
    if (until - since) / period.length > MOST:
        raise MessageInvalid(f"So long a time has more than {MOST} periods.")
    return since, until, period


def _time(name: str) -> datetime | None:
    text = request.args.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise MessageInvalid(f"{name} is a number of seconds since 1970.")
    try:
        return datetime.fromtimestamp(int(text), UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise MessageInvalid(f"{name} is too far away.") from error
