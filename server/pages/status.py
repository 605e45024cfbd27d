"""/status: what is going on here, for everybody, in the reader's language."""

from __future__ import annotations

from datetime import datetime, timedelta

from dva_agent.activity import Activity, PoolActivity, Throughput
from flask import Response, make_response, render_template

from server.activity.views import for_a_while, latest
from server.admin.chart import chart
from server.pages import text as words
from server.pages.text import CATALOGUES, Catalogue

MINUTES_S = 300


def page() -> Response:
    """As old as the activity, and kept as long; another one for each language."""
    text, found = words.chosen(), latest()
    is_by_minute = found.throughput.period_s == 60
    rendered = render_template(
        "status.html",
        text=text,
        catalogues=CATALOGUES,
        found=found,
        rate=rate(found),
        left=lambda pool: left(text, pool),
        what=text.by_minute if is_by_minute else text.by_hour,
        chart=chart(found.throughput.pairs),
        rows=rows(found.throughput),
    )
    response = for_a_while(make_response(rendered))
    response.content_language.add(text.tag)
    response.vary.add("Accept-Language")
    return response


def rate(found: Activity) -> str:
    """Pairs a second of the last five minutes."""
    value = found.pairs_minutes / MINUTES_S
    return (
        f"{value:,.0f}" if value >= 10 or not value else f"{value:.1f}" if value >= 0.1 else "< 0.1"
    )


def left(text: Catalogue, pool: PoolActivity) -> str:
    """How long a pool still takes, as far as that can be told."""
    if pool.seconds_left is None:
        return text.unknown_left if pool.pairs_hour else text.idle_left
    if not pool.seconds_left:
        return text.done
    return words.duration(text, timedelta(seconds=pool.seconds_left))


def rows(throughput: Throughput) -> list[tuple[str, int]]:
    """When each period began, and its pairs."""
    step = timedelta(seconds=throughput.period_s)
    starts = (throughput.since + number * step for number in range(len(throughput.pairs)))
    return [(_clock(start), pairs) for start, pairs in zip(starts, throughput.pairs, strict=True)]


def _clock(at: datetime) -> str:
    return f"{at:%m-%d %H:%M}"
