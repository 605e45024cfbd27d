"""What an operator does about pools and shards: done once, said, logged, undone."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from server import create_app
from server.admin import services
from server.admin.roles import VIEWER
from server.config import Settings
from server.db import Database, now
from server.pools import findings
from server.pools import services as pools
from server.pools.findings import Findings
from server.results.models import CompactedShard
from tests.server.api import Api
from tests.server.command import Dva
from tests.server.conftest import UNITS
from tests.server.operator_pages import NAME, PASSWORD, Operator, logged, said
from tests.server.test_admin_pages import text

PAGE = "/admin/pools/test"
SHARD = f"{PAGE}/shards/00000"


@pytest.fixture
def app(settings: Settings, database: Database, cheap_passwords: None) -> Flask:
    with database.write() as session:
        services.create(session, NAME, PASSWORD, now())
        services.create(session, VIEWER, PASSWORD, now(), VIEWER)
    return create_app(dataclasses.replace(settings, secret_key="k" * 32), database)


@pytest.fixture
def operator(app: Flask) -> Operator:
    signed_in = Operator(app)
    assert signed_in.sign_in().status_code == 303
    return signed_in


def test_pausing_and_going_on(operator: Operator, pool: str, database: Database) -> None:
    assert "test is paused. What is leased will be finished." in said(operator, f"{PAGE}/pause")
    assert "test was paused already." in said(operator, f"{PAGE}/pause")
    assert "Nothing of it is handed out" in text(operator.get(PAGE).text)
    assert "paused" in text(operator.get("/admin/pools").text)
    assert "test goes on." in said(operator, f"{PAGE}/resume")
    assert "test wasn&#39;t paused." in said(operator, f"{PAGE}/resume")
    assert logged(database) == [("pool resumed", "test", {}), ("pool paused", "test", {})]


def test_priorities(operator: Operator, pool: str, database: Database) -> None:
    assert "test has priority 7." in said(operator, f"{PAGE}/priority", priority=" 7 ")
    assert "test had priority 7 already." in said(operator, f"{PAGE}/priority", priority="7")
    for wrong in ("", "x", "1.5", "1001", "-1001", "9" * 30, "\0"):
        answer = operator.act(f"{PAGE}/priority", priority=wrong)
        assert answer.status_code == 409
        assert "is no priority." in answer.text
    assert logged(database) == [("priority changed", "test", {"before": 0, "after": 7})]


def test_what_isnt_done_is_told_where_it_was_asked_for(
    app: Flask, operator: Operator, pool: str, database: Database
) -> None:
    typed = {"priority": "1001", "why": "<b>\N{SNOWMAN}"}
    page = operator.get(f"{PAGE}?page=1").text
    assert f'name="from" value="{PAGE}?page=1"' in page
    answer = operator.act(f"{PAGE}/priority", **typed, **{"from": f"{PAGE}?page=1"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{PAGE}?page=1")
    page = operator.get(f"{PAGE}?page=1").text
    assert re.search(r'role="alert"[^>]*>Not done. [^<]*-1000 to 1000', page)
    assert 'name="priority" type="number" min="-1000" max="1000" step="1" value="1001"' in page
    page = operator.get(PAGE).text
    assert 'role="alert"' not in page
    assert 'step="1" value="0"' in page
    # The script's word on where it is, since the address may have changed.
    headers = {"HX-Current-URL": f"http://localhost{PAGE}?page=2"}
    data = {**typed, "token": operator.form("/admin"), "from": PAGE}
    answer = operator.ask("POST", f"{PAGE}/priority", headers=headers, data=data)
    assert answer.headers["Location"] == f"{PAGE}?page=2"
    # So much that no cookie holds it is forgotten, and the sentence is kept.
    long = {"priority": "x" * 3000, "why": "".join(chr(1000 + 7 * n) for n in range(1500))}
    operator.act(f"{PAGE}/priority", **long, **{"from": PAGE})
    assert "is no priority" in operator.get(PAGE).text
    assert len(operator.cookie() or "") < 3000
    for foreign in (
        "",
        "//elsewhere.example",
        "https://[",
        "/",
        "/adminx",
        "/admin/\x7f",
        "x" * 3000,
    ):
        answer = operator.act(f"{PAGE}/priority", priority="x", **{"from": foreign})
        assert answer.status_code == 409
    assert logged(database) == []


def test_a_shard_is_set_aside_and_restored(
    operator: Operator, pool: str, database: Database
) -> None:
    asks = operator.get(f"{SHARD}/set-aside").text
    assert "Set test/00000 aside?" in asks
    assert f'action="{SHARD}/set-aside"' in asks
    assert logged(database) == []
    why = "half a <download>"
    assert "is set aside." in said(operator, f"{SHARD}/set-aside", why=why)
    assert "was set aside already." in said(operator, f"{SHARD}/set-aside", why="again")
    assert "half a &lt;download&gt;" in text(operator.get(PAGE).text)
    with database.read() as session:
        shard = pools.find_shard(session, "test", "00000")
        assert shard
        assert shard.set_aside
    assert "is given out again." in said(operator, f"{SHARD}/restore")
    assert "wasn&#39;t set aside." in said(operator, f"{SHARD}/restore")
    assert logged(database) == [
        ("shard restored", "test/00000", {"why": ""}),
        ("shard set aside", "test/00000", {"why": why}),
    ]


def test_what_isnt_there(operator: Operator, pool: str, database: Database) -> None:
    for path in (
        "/admin/pools/none/pause",
        "/admin/pools/%00/resume",
        "/admin/pools/none/priority",
        f"{PAGE}/shards/none/set-aside",
        f"{PAGE}/shards/%00/restore",
    ):
        assert operator.act(path, priority="1").status_code == 404
    assert operator.get(f"{PAGE}/shards/none/set-aside").status_code == 404
    assert logged(database) == []


def test_where_results_are_is_told(
    app: Flask, operator: Operator, api: Api, pool: str, database: Database
) -> None:
    leases = api.lease(UNITS).leases
    for lease in leases[:-1]:
        api.finish(lease)
    with database.write() as session:
        shard = pools.find_shard(session, "test", "00000")
        assert shard
        day = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
        row = dict.fromkeys(("results", "results_audited", "pairs_audited", "audits"), 3)
        session.add(
            CompactedShard(shard_id=shard.id, sha256="0" * 64, bytes=1234, made_at=day, **row)
        )
    page = text(operator.get(PAGE).text)
    assert "in a file of 1.2 kB since 2026-01-02 03:04" in page
    assert "3 of 3 in a file" in page
    assert "1 of 2 in the database nothing" in page
    api.finish(leases[-1])
    page = text(operator.get(PAGE).text)
    assert f"in the database not to a file before {now() + timedelta(days=7):%Y-%m-%d}" in page
    assert "Finished ones that wait: 1." in page
    assert "dva compact test --dry-run" in page
    page = text(operator.get("/admin/pools").text)
    assert "test 1 1.2 kB 2026-01-02 03:04 1" in page
    assert "7 days old" in page


def test_a_viewer_is_offered_nothing(app: Flask, pool: str) -> None:
    viewer = Operator(app)
    viewer.sign_in(VIEWER)
    for page in (viewer.get(PAGE).text, viewer.get("/admin/pools").text):
        assert ">Pause" not in page
        assert "Set aside" not in page


def test_what_ingest_found_is_told_by_kind_and_host(
    operator: Operator, pool: str, database: Database
) -> None:
    found = Findings()
    found.count("dead_link", "images.example", 3)
    found.count("hash_drift", "images.example")
    found.count("unreadable", None, 1200)
    with database.write() as session:
        shard = pools.find_shard(session, "test", "00000")
        assert shard
        findings.store(session, shard, found)
    page = text(operator.get(PAGE).text)
    assert "images.example 4 dead_link 3 , hash_drift 1" in page
    assert "unreadable 1,200" in page


def test_commands_do_the_same(dva: Dva, settings: Settings, pool: str, database: Database) -> None:
    for arguments, says in (
        (("pause", "test"), "test is paused.\n"),
        (("pause", "test"), "test is paused already.\n"),
        (("resume", "test"), "test goes on.\n"),
        (("priority", "test", "3"), "test has priority 3, and had 0.\n"),
    ):
        done = dva(settings, "pool", *arguments)
        assert (done.status, done.err) == (0, says)
    assert "[pool_unknown]" in dva(settings, "pool", "pause", "none").err
    assert [entry[:2] for entry in logged(database)] == [
        ("priority changed", "test"),
        ("pool resumed", "test"),
        ("pool paused", "test"),
    ]
