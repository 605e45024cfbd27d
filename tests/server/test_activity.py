"""What everybody is told of what is going on: the page in each language, and the same as JSON."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dva_agent.account import NameChange
from dva_agent.activity import Activity
from dva_agent.protocol import ROOT
from flask import Flask
from sqlalchemy import update
from sqlalchemy.orm import Session

from server import create_app
from server.activity.bulletin import KEPT_S, Bulletin
from server.activity.services import YOUNG, activity
from server.config import Settings
from server.contributors import services as contributors
from server.contributors.models import Contributor, Device
from server.credit import services as credit
from server.credit.services import Earned
from server.db import Database, now
from server.history.eta import LEAST, WINDOW, time_left
from server.history.services import HOUR
from server.history.tally import Levels, Tally
from server.pages.status import left, rate
from server.pages.text import CATALOGUES, duration
from server.pools import services as pools
from server.selection.cut import Cut
from server.selection.cutting import Selected
from server.workbench import services as workbench
from server.workbench.services import Ask
from tests.server.api import Api

AT = datetime(2026, 1, 2, 12, 30, tzinfo=UTC)
EVIL = "<script>x</script>"


def asked(api: Api) -> Activity:
    return api.ok(api.get(ROOT + "/activity"), Activity)


def fresh(app: Flask) -> None:
    """As if the activity were some seconds old."""
    app.extensions["dva-history"].flush_now(now())
    app.extensions["dva-bulletin"] = Bulletin()


def text(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page[page.index("<main>") :]).split())


def test_an_empty_server_says_so(app: Flask) -> None:
    client = app.test_client()
    english = text(client.get("/status").text)
    for words in (
        "There is no pool here yet.",
        "Nothing was scored in this time.",
        "Nobody who chose a name",
        "No selection has been published yet.",
        "Contributors 0 0 at work now",
    ):
        assert words in english
    assert "这里还没有数据池。" in client.get("/status?lang=zh").text


def test_the_page_and_its_twin_tell_what_is_so(app: Flask, api: Api, pool: str) -> None:
    leases = api.lease(2).leases
    for lease in leases:
        api.finish(lease)
    fresh(app)
    pairs = sum(len(lease.pairs) for lease in leases)
    told = asked(api)
    [found] = told.pools
    assert (found.pool, found.pairs, found.pairs_done, found.pairs_hour) == (pool, 16, pairs, pairs)
    assert found.seconds_left is None
    assert (told.pairs_minutes, told.pairs_hour, told.pairs_day) == (pairs, pairs, pairs)
    assert (told.throughput.period_s, sum(told.throughput.pairs)) == (60, pairs)
    assert (told.contributors, told.contributors_now, told.devices_now) == (1, 1, 1)
    assert (told.named, told.selections) == ([], [])
    page = text(app.test_client().get("/status").text)
    assert f"50.0 % Pairs scored: {pairs} of 16 Time left: can't be told yet" in page.replace(
        "&#39;", "'"
    )
    assert f"Last hour {pairs} pairs" in page


def test_it_is_gathered_once_in_a_while(
    app: Flask, api: Api, database: Database, pool: str
) -> None:
    before = asked(api)
    api.finish(api.lease().leases[0])
    app.extensions["dva-history"].flush_now(now())
    database.engine.dispose()
    assert asked(api) == before
    for path in ("/status", ROOT + "/activity"):
        answer = app.test_client().get(path)
        assert answer.headers["Cache-Control"] == f"public, max-age={KEPT_S}"
        assert "Set-Cookie" not in answer.headers


def test_only_who_chose_a_name_and_confirmed_pairs_is_named(
    app: Flask, api: Api, database: Database
) -> None:
    silent, idle = Api(app), Api(app)
    for each, name in ((api, EVIL), (idle, "idle")):
        assert each.post("/me", NameChange(display_name=name)).status_code == 200
    with database.write() as session:
        for number, each in enumerate((api, silent)):
            earned = [Earned(result_id=number + 1, unit=1, pairs=7 + number, amount=5)]
            credit.confirm(session, each.device.contributor, earned, now())
        credit.project(session)
    fresh(app)
    assert [(each.name, each.pairs) for each in asked(api).named] == [(EVIL, 7)]
    page = app.test_client().get("/status").text
    assert f"<bdi>{EVIL.replace('<', '&lt;').replace('>', '&gt;')}</bdi>" in page
    assert "<script" not in page
    with database.write() as session:
        contributors.suspend(session, api.device.contributor)
        session.execute(update(Device).values(last_seen_at=now() - timedelta(hours=1)))
    fresh(app)
    told = asked(api)
    assert told.named == []
    assert (told.contributors, told.contributors_now, told.devices_now) == (3, 0, 0)


def test_new_names_push_nobody_out(app: Flask, api: Api, database: Database) -> None:
    """However many there are, and whether the balances hold what was confirmed already or not."""
    assert api.post("/me", NameChange(display_name="best")).status_code == 200
    later = now() + timedelta(minutes=1)
    names = [f"new {number:04d}" for number in range(1200)]
    with database.write() as session:
        mine = api.device.contributor
        credit.confirm(session, mine, [Earned(result_id=1, unit=1, pairs=5, amount=5)], now())
        credit.project(session)
        credit.confirm(session, mine, [Earned(result_id=2, unit=2, pairs=4, amount=5)], now())
        session.add_all(
            Contributor(id=f"{number:032x}", display_name=name, state="active", created_at=later)
            for number, name in enumerate(names)
        )
        for number in range(60):
            earned = [Earned(result_id=3 + number, unit=3 + number, pairs=8, amount=5)]
            credit.confirm(session, f"{number:032x}", earned, now())
    fresh(app)
    told = [(each.name, each.pairs) for each in asked(api).named]
    assert told == [("best", 9), *((name, 8) for name in names[:49])]


def test_a_selection_is_told_of_once_it_is_published(
    app: Flask, api: Api, database: Database, pool: str
) -> None:
    ask = Ask(name="best <b>", cut=Cut(rule="top", value=0.25), standing="confirmed")
    came_to = Selected(members=3, scored=9, eligible=9, threshold=0.25, digest="d" * 64)
    with database.write() as session:
        found = pools.get_pool(session, pool)
        job = workbench.begin_cut(session, found, ask, "alice", now()).id
        assert workbench.finish(session, job, now(), came_to)
    assert asked(api).selections == []
    with database.write() as session:
        whole = workbench.find_selection(session, pools.get_pool(session, pool), job)
        assert whole is not None
        workbench.publish(whole, AT)
    fresh(app)
    [told] = asked(api).selections
    assert (told.pool, told.name, told.members, told.scored) == (pool, "best <b>", 3, 9)
    assert (told.digest, told.published) == ("d" * 64, AT)
    page = text(app.test_client().get("/status").text)
    assert f"best &lt;b&gt; {pool} 3 of 9 2026-01-02 {'d' * 16}" in page


def test_an_older_server_shows_hours(database: Database, pool: str) -> None:
    def still(_session: Session, _at: datetime) -> Levels:
        return Levels(leases=0, backlog_pairs=0, devices=0, contributors=0)

    tally = Tally(database, still)
    for age in (timedelta(0), timedelta(minutes=30), YOUNG + HOUR.length):
        tally.came(1, pairs=4, again=False, at=AT - age)
    tally.came(1, pairs=2, again=True, at=AT)
    tally.flush(AT, 0.0)
    with database.read() as session:
        told = activity(session, AT + timedelta(minutes=1))
    assert told.throughput.period_s == 3600
    assert len(told.throughput.pairs) == 49
    assert (told.throughput.pairs[-1], sum(told.throughput.pairs)) == (10, 14)
    assert (told.pairs_minutes, told.pairs_hour, told.pairs_day) == (6, 10, 14)
    # Eight pairs of sixteen in half an hour: what was done again doesn't bring it nearer.
    assert told.pools[0].seconds_left == 31 * 60 * 16 / 8


@pytest.mark.parametrize(
    ("languages", "address", "tag"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "/status", "zh"),
        ("fr,en;q=0.5", "/status", "en"),
        ("fr", "/status", "en"),
        ("zh", "/status?lang=en", "en"),
        ("en", "/status?lang=zh-Hans", "zh"),
        ("en", "/status?lang=%00", "en"),
    ],
)
def test_which_language(
    settings: Settings, database: Database, languages: str, address: str, tag: str
) -> None:
    answer = (
        create_app(settings, database)
        .test_client()
        .get(address, headers={"Accept-Language": languages})
    )
    assert answer.headers["Content-Language"] == tag
    assert f'<html lang="{tag}">' in answer.text
    assert "Accept-Language" in answer.headers["Vary"]


def test_both_languages_say_everything() -> None:
    def put_in(words: str | tuple[str, str]) -> set[str]:
        return set(re.findall(r"{(\w+)}", "".join(words)))

    pages = Path("server/pages")
    parts = ("templates/status.html", "status.py", "text/__init__.py")
    used = "".join((pages / part).read_text() for part in parts)
    english, chinese = CATALOGUES["en"], CATALOGUES["zh"]
    for field in dataclasses.fields(english):
        assert re.search(rf"(text|each)\.{field.name}\b", used), field.name
        said = getattr(chinese, field.name)
        assert said
        assert put_in(said) == put_in(getattr(english, field.name))


def test_what_is_left() -> None:
    def of(pairs_left: int, pairs: int, minutes: float | None) -> timedelta | None:
        first = None if minutes is None else AT - timedelta(minutes=minutes)
        return time_left(pairs_left, pairs=pairs, first=first, since=AT - WINDOW, at=AT)

    assert of(0, 0, None) == timedelta(0)
    assert of(-1, 0, None) == timedelta(0)
    assert of(100, 0, None) is None
    assert of(100, 50, LEAST / timedelta(minutes=1) - 0.1) is None
    assert of(100, 50, 20) == timedelta(minutes=40)
    assert of(100, 50, 300) == 2 * WINDOW


def test_how_it_is_said(app: Flask, api: Api, pool: str) -> None:
    english, chinese = CATALOGUES["en"], CATALOGUES["zh"]
    said = [
        duration(english, timedelta(seconds=seconds))
        for seconds in (1, 89, 5400, 3600, 80_000, 86_400, 4e8)
    ]
    assert said == [
        "1 minute",
        "1 minute",
        "2 hours",
        "1 hour",
        "22 hours",
        "1 day",
        "4,630 days",
    ]
    assert duration(chinese, timedelta(minutes=3)) == "3 分钟"
    told = asked(api)
    rates = (0, 3, 299, 3000, 300_000_000)
    shown = [
        rate(Activity(**{**fields_of(told), "pairs_minutes": pairs}))  # type: ignore[arg-type]
        for pairs in rates
    ]
    assert shown == ["0", "< 0.1", "1.0", "10", "1,000,000"]
    assert left(english, told.pools[0]) == "nobody is at it"


def fields_of(told: Activity) -> dict[str, object]:
    return {name: getattr(told, name) for name in told.__struct_fields__}
