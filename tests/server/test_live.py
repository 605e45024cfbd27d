"""The overview's figures and charts as JSON, and what they say where something isn't known."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from server import create_app
from server.admin import figures, plots, services
from server.admin.chart import WIDTH
from server.admin.plots import LINES, PLOTS
from server.config import Settings, read_settings
from server.db import Database, now
from server.errors import SettingsError
from server.history import services as history
from tests.server.api import Api
from tests.server.operator_pages import NAME, PASSWORD, Operator

PRICE = "0.09 USD"


@pytest.fixture
def app(settings: Settings, database: Database, cheap_passwords: None) -> Flask:
    with database.write() as session:
        services.create(session, NAME, PASSWORD, now())
    return create_app(dataclasses.replace(settings, secret_key="k" * 32), database)


@pytest.fixture
def operator(app: Flask) -> Operator:
    signed_in = Operator(app)
    assert signed_in.sign_in().status_code == 303
    return signed_in


def told(operator: Operator, query: str = "") -> dict[str, Any]:
    answer = operator.get("/admin/history" + query)
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.headers["Cache-Control"] == "no-store"
    found = answer.json
    assert isinstance(found, dict)
    return found


def test_what_happened_is_in_it(operator: Operator, api: Api, pool: str) -> None:
    first, _second = api.lease(2).leases
    api.finish(first)
    found = told(operator)
    assert (found["period_s"], len(found["starts"])) == (60, 61)
    assert set(found["lines"]) == {line.key for line in LINES}
    assert all(len(line) == len(found["starts"]) for line in found["lines"].values())
    assert sum(found["lines"]["results"]) == 1
    assert max(found["lines"]["pairs_per_s"]) > 0
    assert [each for each in found["lines"]["devices"] if each is not None][-1] == 1
    shown = {each["key"]: each["value"] for each in found["figures"]}
    assert (shown["results"], shown["leases"], shown["devices"]) == ("1", "1", "1")
    assert shown["cost"] == "unknown"
    assert found["left"] == {pool: "can't tell yet"}
    page = operator.get().text
    for each in found["figures"]:
        assert f'data-figure="{each["key"]}"' in page
    for line in LINES:
        assert line.label in page


def test_a_range_of_time(operator: Operator) -> None:
    # From amid a minute to amid one: where a range ends with a minute it has one fewer.
    at = int(now().timestamp()) // 60 * 60 - 30
    week = told(operator, f"?since={at - 7 * 86_400}&until={at}")
    assert (week["period_s"], len(week["starts"])) == (3600, 169)
    minutes = told(operator, f"?since={at - 86_400}&until={at}&period=60")
    assert (minutes["period_s"], len(minutes["starts"])) == (60, 1441)
    assert week["starts"][1] - week["starts"][0] == 3600


def test_how_far_back(operator: Operator, database: Database) -> None:
    """The page without a script, and what a script renews, are of the same span."""
    with database.write() as session:
        history.settled(session, now() - timedelta(days=3), confirmed=97)
        history.settled(session, now() - timedelta(hours=3), confirmed=2)
        history.settled(session, now(), rejected=1)
    for span, starts, rejected in (
        ("hour", {60, 61}, "100 %"),
        ("day", {24, 25}, "33.3 %"),
        ("week", {168, 169}, "1.0 %"),
    ):
        found = told(operator, f"?span={span}")
        assert len(found["starts"]) in starts
        shown = {each["key"]: (each["value"], each["note"]) for each in found["figures"]}
        assert shown["rejected"] == (rejected, "1, or revoked")
        page = operator.get(f"/admin?span={span}&refresh=on").text
        assert f'data-history="/admin/history?span={span}"' in page
        assert f'href="/admin?span={span}&amp;refresh=on#rate" aria-current="true"' in page
        assert f'href="?span={span}">Stop refreshing' in page
        assert f"over the last {span}; the scale ends at" in page
        for key in ("results", "confirmed", "rejected"):
            assert shown[key][0] in page
            assert shown[key][1] in page


@pytest.mark.parametrize(
    "query",
    [
        "?span=year",
        "?period=61",
        "?since=now",
        "?since=-5",
        "?since=%C2%B2",
        "?since=99999999999",
        "?since=20&until=10",
        "?since=1&until=1700000000",
        "?period=60&since=1700000000&until=1701000000",
    ],
)
def test_what_is_no_range_is_refused(operator: Operator, query: str) -> None:
    answer = operator.get("/admin/history" + query)
    assert answer.status_code in (400, 422)
    assert answer.json
    assert answer.json["code"] == "message_invalid"


def test_it_is_for_operators(app: Flask) -> None:
    assert Operator(app).get("/admin/history").status_code == 303


def test_cost_is_what_the_operator_says_or_unknown() -> None:
    def said(price: str, size: float) -> str:
        return figures.cost(Settings(traffic_price=price), size)

    assert said("", 10**12) == "unknown"
    assert said(PRICE, 10**12) == "90.00 USD"
    assert said(PRICE, 10**9 / 100) == "< 0.01 USD"
    assert said("0 EUR", 10**12) == "0.00 EUR"


@pytest.mark.parametrize("price", ["0.09", "USD 0.09", "-1 USD", "1e9 USD", "0.09 usd", "1 USD\n"])
@pytest.mark.parametrize("name", ["traffic_price", "auditor_price"])
def test_a_price_that_is_none_is_refused(name: str, price: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read_settings({f"DVA_{name.upper()}": price})


def test_rates_are_rounded_to_what_they_tell() -> None:
    second = timedelta(seconds=1)
    assert [figures.per_s(pairs, 100 * second) for pairs in (0, 1, 10, 999, 1000, 10**6)] == [
        "0",
        "< 0.1",
        "0.1",
        "10.0",
        "10",
        "10,000",
    ]


@given(
    lines=st.lists(
        st.lists(st.none() | st.integers(0, 10**9), min_size=5, max_size=5), min_size=8, max_size=8
    )
)
def test_two_lines_share_a_scale(lines: list[list[int | None]]) -> None:
    values = {line.key: found for line, found in zip(LINES, lines, strict=True)}
    for drawn, plot in zip(plots.drawn(values), PLOTS, strict=True):
        assert len(drawn.bars) == len(plot.lines)
        for line, chart in zip(plot.lines, drawn.bars, strict=True):
            assert chart.top == drawn.top
            assert [bar.value for bar in chart.bars] == [value or 0 for value in values[line.key]]
            assert all(bar.x + bar.width <= WIDTH + 0.01 for bar in chart.bars)
            known = [value for value in values[line.key] if value is not None]
            assert f"{line.label}: {known[-1]:,}" if known else "not known" in drawn.latest
