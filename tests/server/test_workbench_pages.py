"""The pages of the selection workbench: what they show, what they let do, what they never show."""

from __future__ import annotations

import io
import re
import time
import urllib.parse
from pathlib import Path

import numpy as np
import pytest
from dva_agent.protocol import Report
from flask import Flask

from server.admin import log
from server.config import Settings
from server.db import Database, now
from server.pools import services as pools
from server.pools.pictures import kind_of
from server.selection import uids
from server.selection.cutting import Terms
from server.selection.filters import Filters
from server.workbench import blueprint, folders, looking, overlap, run, services
from tests.server.api import Api
from tests.server.operator_pages import NAME, Operator
from tests.server.pool_factory import picture, uid
from tests.server.workbench_pool import (
    BENCH,
    score_all,
    selected,
    signed_in,
    with_operator,
)


@pytest.fixture
def app(settings: Settings, database: Database, cheap_passwords: None) -> Flask:
    return with_operator(settings, database)


@pytest.fixture
def operator(app: Flask) -> Operator:
    return signed_in(app)


@pytest.fixture
def scored(api: Api, pool: str, database: Database, settings: Settings) -> dict[str, float]:
    """uid -> score of 16 pairs, those of the first unit confirmed, and a snapshot of them."""
    return score_all(api, database, settings)


def figure(page: str, name: str) -> str:
    found = re.search(f'data-said="{name}">([^<]*)<', page)
    assert found
    return found[1]


def test_before_anything_was_read_it_says_so(operator: Operator, pool: str) -> None:
    page = operator.get(BENCH)
    assert page.status_code == 200
    assert "haven't been looked at yet" in page.text
    assert "Where to cut" not in page.text
    assert re.findall(r'aria-current="page">([^<]*)<', page.text) == ["Selections"]
    assert operator.get(f"{BENCH}/line").status_code == 404
    assert operator.get("/admin/pools/none/workbench").status_code == 404
    assert f"{BENCH}" in operator.get("/admin/selections").text


def test_the_line_is_where_the_rule_puts_it(operator: Operator, scored: dict[str, float]) -> None:
    falling = sorted(scored.values(), reverse=True)
    page = operator.get(f"{BENCH}?rule=top&value=25&state=all").text
    assert figure(page, "members") == str(sum(score >= falling[4] for score in scored.values()))
    assert figure(page, "threshold") == f"{falling[4]:.6f}"
    told = operator.get(f"{BENCH}/line?rule=threshold&value=0.5&state=all").json
    assert told is not None
    assert told["members"] == sum(score >= 0.5 for score in scored.values())
    assert told["scored"] == 16
    assert told["command"] == "dva select test --threshold 0.5 --state all --out FOLDER"
    assert figure(operator.get(f"{BENCH}?rule=count&value=2").text, "members") == "2"
    assert "4 confirmed, 12 pending" in operator.get(BENCH).text


@pytest.mark.parametrize("value", ["0", "101", "x", "nan", "1e400", "-1", ""])
def test_what_is_no_cut_is_told_and_the_page_stands(
    operator: Operator, scored: dict[str, float], value: str
) -> None:
    page = operator.get(f"{BENCH}?rule=top&value={value}&state=all")
    assert page.status_code == 200
    is_default = value == ""
    assert ('role="alert" hidden' in page.text) is is_default
    told = operator.get(f"{BENCH}/line?rule=top&value={value}&state=all").json
    assert told is not None
    assert ("fault" in told) is not is_default
    if not is_default:
        answer = operator.act(f"{BENCH}/cut", rule="top", value=value, state="all", name="x")
        assert answer.status_code == 409
        assert "Nothing has been cut" in operator.get(f"{BENCH}/selections").text


def test_pairs_on_both_sides_and_across(operator: Operator, scored: dict[str, float]) -> None:
    middle = sorted(scored.values())[8]
    page = operator.get(f"{BENCH}/pairs?rule=threshold&value={middle}&state=all").text
    above, below, across = re.split(r"<section class=\"band\"", page)[1:]
    for part, kept in ((above, True), (below, False)):
        shown = re.findall(r"/pictures/u\d+-\d+/([0-9a-f]{32})", part)
        assert sorted(shown) == sorted(u for u, s in scored.items() if (s >= middle) is kept)
    assert len(re.findall(r"<img", across)) == 12
    assert "<html" in page
    assert "picture 3" in page
    more = operator.ask(
        "GET",
        f"{BENCH}/pairs?rule=threshold&value={middle}&state=all&band=above&page=1",
        headers={"HX-Request": "true"},
    ).text
    assert "<html" not in more
    assert "No more pairs here." in more


def test_a_picture_is_the_pair_s_own_and_nothing_but_a_picture(
    operator: Operator, app: Flask, scored: dict[str, float], database: Database
) -> None:
    address = picture_of(operator, uid(5))
    answer = operator.get(address)
    assert answer.data == picture(5)
    assert answer.mimetype == "image/jpeg"
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert Operator(app).get(address).status_code == 303
    assert operator.get(address.replace(uid(5), uid(99))).status_code == 404
    assert operator.get(re.sub(r"/u\d+-\d+/", "/u99-0/", address)).status_code == 404


@pytest.mark.parametrize(
    "data",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>",
        b"<!doctype html>",
        b"",
        b"\0" * 99,
    ],
)
def test_what_isn_t_a_picture_has_no_kind(data: bytes) -> None:
    assert kind_of(data) is None


def test_what_is_withheld_is_not_shown(
    operator: Operator, api: Api, scored: dict[str, float]
) -> None:
    """Though the snapshot is older than the report."""
    address = picture_of(operator, uid(5))
    [unit] = re.findall(r"/(u\d+-\d+)/", address)
    report = Report(pool="test", unit=unit, uid=uid(5), reason="illegal")
    assert api.post("/reports", report).status_code == 200
    assert operator.get(address).status_code == 404
    assert uid(5) not in operator.get(f"{BENCH}/pairs?rule=top&value=100&state=all").text


def picture_of(operator: Operator, wanted: str) -> str:
    page = operator.get(f"{BENCH}/pairs?rule=count&value=8&state=all").text
    [found] = set(re.findall(rf'src="([^"]+{wanted})"', page))
    return found


def test_how_much_two_selections_share(
    operator: Operator, scored: dict[str, float], database: Database, settings: Settings
) -> None:
    job = selected(database, settings)
    best = {pair for pair, score in scored.items() if score >= sorted(scored.values())[-5]}
    for value in (0.0, 0.3, 0.5, 0.9):
        address = f"{BENCH}/line?rule=threshold&value={value}&state=all&other=selection:{job}"
        told = operator.get(address).json
        assert told is not None
        kept = {pair for pair, score in scored.items() if score >= value}
        assert told["shared"] == len(kept & best)
        assert told["share_of_other"] == len(kept & best) / len(best)
    page = operator.get(f"{BENCH}?state=all&other=selection:{job}").text
    assert "what the other selection has, too" in page
    assert "isn&#39;t there any more" in operator.get(f"{BENCH}?state=all&other=list:none").text


def test_the_proxy_lets_lists_through() -> None:
    text = (Path(__file__).parents[2] / "docs" / "deploy" / "nginx.conf").read_text()
    found = re.search(r"location ~ (\S+) \{\s+client_max_body_size (\d+)m;", text)
    assert found
    assert re.search(found[1], f"{BENCH}/lists")
    assert int(found[2]) << 20 == blueprint.LARGEST_LIST


def test_a_list_is_uploaded_compared_with_and_removed(
    operator: Operator,
    scored: dict[str, float],
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = [uid(number) for number in range(3)] + ["f" * 32]
    high = np.array([int(each[:16], 16) for each in known], np.uint64)
    low = np.array([int(each[16:], 16) for each in known], np.uint64)
    # More than any other form may have.
    many = np.tile(uids.joined(high, low), 5_000)
    body = io.BytesIO()
    np.save(body, many)

    def send(data: bytes, name: str) -> int:
        sent = {"token": operator.form("/admin"), "list": (io.BytesIO(data), name)}
        return operator.ask("POST", f"{BENCH}/lists", data=sent).status_code

    assert send(b"no list", "bad.npy") == 409
    assert send(b"", "empty.npy") == 409
    archive = io.BytesIO()
    np.savez(archive, many)
    assert send(archive.getvalue(), "archive.npy") == 409
    assert send(b"PK\x03\x04", "cut-short.npy") == 409
    # Its header promises a terabyte.
    promise = f"({1 << 36},), }}".encode()
    huge = body.getvalue().replace(f"({len(many)},), }}".encode().ljust(len(promise)), promise, 1)
    assert huge != body.getvalue()
    assert send(huge, "huge.npy") == 409
    beyond = body.getvalue().replace(f"({len(many)},), }}".encode(), b"(%d,), }" % 2**70, 1)
    assert send(beyond, "beyond.npy") == 409
    assert send(body.getvalue(), "../../x y.npy") == 409
    assert send(body.getvalue(), "mine.npy") == 303
    assert send(body.getvalue(), "mine.npy") == 409
    told = operator.get(f"{BENCH}/line?rule=top&value=100&state=all&other=list:mine").json
    assert told is not None
    assert (told["shared"], told["share_of_other"]) == (3, 0.75)
    monkeypatch.setattr(blueprint, "LARGEST_LIST", 1000)
    assert send(body.getvalue(), "large.npy") == 413
    assert operator.act(f"{BENCH}/lists/mine/remove").status_code == 303
    assert operator.act(f"{BENCH}/lists/mine/remove").status_code == 404
    with database.read() as session:
        actions = [entry.action for entry in log.entries(session)]
    assert actions[:2] == ["list removed", "list uploaded"]


def test_what_filters_leave_is_counted_and_is_what_is_cut(
    operator: Operator, scored: dict[str, float], database: Database, settings: Settings
) -> None:
    asked = "rule=top&value=50&state=all&caption-chars=10..&deny=list:mine"
    folder = folders.lists(settings, "test")
    folder.mkdir(parents=True)
    denied = uid(12)
    halves = np.array([int(denied[:16], 16)], np.uint64), np.array([int(denied[16:], 16)], "u8")
    np.save(folder / "mine.npy", uids.joined(*halves))
    before = operator.get(f"{BENCH}?{asked}").text
    assert "hasn&#39;t been counted yet" in before or "hasn't been counted yet" in before
    assert "Cut it" not in before
    told = operator.get(f"{BENCH}/line?{asked}").json
    assert told == {"fault": looking.UNCOUNTED, "command": None}
    fields = dict(urllib.parse.parse_qsl(asked))
    answer = operator.act(f"{BENCH}/count", **fields)
    assert answer.status_code == 303
    with database.read() as session:
        job = services.latest(session, pools.get_pool(session, "test"), services.COUNT)
    assert job is not None
    waiting = operator.get(f"{BENCH}/counting?{asked}").text
    assert 'hx-trigger="every' in waiting
    assert "Something else" in operator.get(f"{BENCH}/counting?{asked}&distinct=yes").text
    deadline = time.monotonic() + 120
    while "<progress" in operator.get(f"{BENCH}/counting?{asked}").text:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    page = operator.get(answer.headers["Location"]).text
    assert "Of 16 scored pairs 5 are left." in page
    assert "<code>deny</code> took out 1; <code>caption_chars</code> took out 10." in page
    left = [uid(number) for number in (10, 11, 13, 14, 15)]
    best = sorted((scored[each] for each in left), reverse=True)[:3]
    assert figure(page, "members") == "3"
    assert figure(page, "threshold") == f"{best[-1]:.6f}"
    assert f"--deny={folder.resolve() / 'mine.npy'} --caption-chars=10.. --out FOLDER" in page
    shown = re.findall(r"/pictures/u\d+-\d+/([0-9a-f]{32})", page)
    assert set(shown) == set(left)
    job_id = selected(
        database,
        settings,
        terms=Terms(
            state="all",
            filters=Filters(caption_chars=(10, None), deny=folder / "mine.npy"),
        ),
        value=0.5,
    )
    with database.read() as session:
        cut = services.selection_of(session, job_id)
    assert (cut.members, cut.threshold) == (3, best[-1])
    # Nothing more is to be counted.
    operator.act(f"{BENCH}/count", **fields)
    with database.read() as session:
        again = services.latest(session, pools.get_pool(session, "test"), services.COUNT)
    assert again is not None
    assert again.id == job.id


def test_odd_filters_are_told_beside_the_fields(
    operator: Operator, scored: dict[str, float]
) -> None:
    for name, value in (("min-side", "x"), ("deny", "list:none"), ("per", "uid")):
        page = operator.get(f"{BENCH}?state=all&{name}={value}")
        assert page.status_code == 200
        assert 'role="alert">' in page.text
        answer = operator.act(f"{BENCH}/count", state="all", **{name: value})
        assert answer.status_code == 303
        refused = operator.act(f"{BENCH}/cut", state="all", name="x", **{name: value})
        assert (refused.status_code == 409) is (name != "deny")


def test_what_is_large_is_compared_by_a_job(
    operator: Operator,
    scored: dict[str, float],
    database: Database,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = selected(database, settings)
    monkeypatch.setattr(overlap, "AT_ONCE", 8)
    address = f"state=all&other=selection:{job}"
    page = operator.get(f"{BENCH}?{address}").text
    assert "What both have" in page
    assert "In both" not in page
    assert "Cut it" in page
    with database.write() as session:
        query = dict(urllib.parse.parse_qsl(address))
        counted = services.begin(
            session, pools.get_pool(session, "test"), services.COUNT, NAME, now(), query
        ).id
    run.run(database, settings, counted)
    page = operator.get(f"{BENCH}?{address}").text
    assert "What both have" not in page
    assert figure(page, "shared") == figure(page, "members")
