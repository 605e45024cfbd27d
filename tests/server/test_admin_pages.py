"""What the operator's pages show, and how: both databases, the real templates."""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from dva_agent.protocol import ROOT, PairStatus, pack_scores
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from server import create_app
from server.admin import services, words
from server.admin.chart import HEIGHT, WIDTH, chart
from server.config import Settings
from server.contributors.models import Device
from server.db import Database, now
from server.pools.ingest import ingest
from server.pools.models import Shard
from server.security import ADMIN_POLICY
from server.trust import operator as trust
from server.trust import queue
from server.trust.load import needed
from server.work.models import Lease
from tests.server.api import Api, result_for
from tests.server.auditing import FAILED, Trial
from tests.server.conftest import UNITS
from tests.server.operator_pages import NAME, PASSWORD, Operator
from tests.server.pool_factory import FILES, write_bundle

SCRIPTS = [
    '<script src="/static/app/vendor/uPlot.iife.min.js" defer>',
    '<script type="module" src="/static/app/admin/history.js">',
    '<script src="/static/app/vendor/htmx.min.js" defer>',
]


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


def text(page: str) -> str:
    """What a person reads of it, in one line."""
    body = page[page.index("<main") :]
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def test_a_model_that_waits_for_its_licence(
    operator: Operator,
    database: Database,
    settings: Settings,
    pool: str,
    pool_folder: Path,
    tmp_path: Path,
) -> None:
    assert "licence not accepted" not in text(operator.get().text)
    files = {**FILES, "text.onnx": b"of another network"}
    real = write_bundle(tmp_path / "real", files, demo=False)
    ingest(
        database,
        settings,
        pool="real",
        paths=[pool_folder],
        bundle=tmp_path / "real",
        progress=lambda done, total: None,
    )
    assert "licence not accepted" in text(operator.get().text)
    page = text(operator.get("/admin/pools/real").text)
    assert f"dva bundle accept {real.bundle}" in page


def test_an_empty_server_says_what_is_not_there(operator: Operator) -> None:
    page = text(operator.get().text)
    for words_ in (
        "No pool has been taken in yet",
        "No result came in",
        "No device holds a lease",
        "No device has asked for work",
        "No device has told what its self-test came to",
        "Nothing was refused",
    ):
        assert words_ in page


def test_the_overview_shows_what_is_so(operator: Operator, api: Api, pool: str) -> None:
    first, second = api.lease(2).leases
    api.finish(first)
    for _ in range(3):
        assert api.get(ROOT + "/nothing").status_code == 404
    page = text(operator.get().text)
    pairs = len(first.pairs)
    assert f"Results in the last hour 1 {pairs} pairs" in page
    assert re.search(r"Leases now 1 oldest \d+ s ", page)
    assert f"{pairs} of 16 can&#39;t tell yet" in page
    assert f"{100 / UNITS:.1f} % {UNITS - 2} 1 1" in page
    assert f"{second.unit} test {api.device.device[:8]}" in page
    assert "test native 1" in page
    assert "not_found 3 3 3" in page
    assert "other none native 1 100 %" in page
    week = text(operator.get("/admin?span=week").text)
    assert f"Results in the last week 1 {pairs} pairs" in week


def test_the_overview_shows_what_waits_for_an_audit(
    operator: Operator, api: Api, pool: str, database: Database, settings: Settings
) -> None:
    for lease in api.lease(2).leases:
        api.finish(lease)
    page = text(operator.get().text)
    assert "Confirmed in the last hour none 0 of 0 decided" in page
    assert "Nobody audits" in page
    trial = Trial(database, settings)
    trial.draw()
    with database.write() as session:
        queue.report(session, "one", now(), now(), pairs=100, busy_ms=1000)
    page = text(operator.get().text)
    assert "Pairs waiting for an audit 8 8 drawn in the last hour" in page
    assert "Auditors at work 1 this load needs 1" in page
    trial.end_all(FAILED)
    page = text(operator.get().text)
    assert "Confirmed in the last hour 0 % 0 of 2 decided" in page
    assert "Rejected in the last hour 100 % 2, or revoked" in page
    assert "Devices stopped 1" in page


@pytest.mark.parametrize(
    ("drawn", "rate", "count"), [(0, 10.0, 1), (36_000, 10.0, 1), (36_001, 10.0, 2)]
)
def test_as_many_auditors_as_the_load_needs(drawn: int, rate: float, count: int) -> None:
    assert needed(drawn, rate) == count


def test_a_lease_past_its_deadline_is_named(
    operator: Operator, api: Api, pool: str, database: Database
) -> None:
    api.lease()
    with database.write() as session:
        session.execute(update(Lease).values(deadline=now() - timedelta(seconds=1)))
    assert "passed" in text(operator.get().text)


def test_a_pools_page(operator: Operator, api: Api, pool: str) -> None:
    lease = api.lease().leases[0]
    pairs = len(lease.pairs)
    statuses = bytes([PairStatus.IMAGE_BROKEN, PairStatus.CAPTION_EMPTY] + [0] * (pairs - 2))
    scores = pack_scores([0.0, 0.0] + [0.5] * (pairs - 2))
    for _ in range(2):
        api.post_result(lease, result_for(lease, statuses=statuses, scores=scores))
    page = text(operator.get("/admin/pools/test").text)
    assert f"image_broken 1 {100 / pairs:.1f} %" in page
    assert f"caption_empty 1 {100 / pairs:.1f} %" in page
    assert "00000 in place" in page
    assert operator.get("/admin/pools/test?page=99").status_code == 200
    assert operator.get("/admin/pools/test?page=%C2%B2").status_code == 200
    assert operator.get("/admin/pools/other").status_code == 404
    assert operator.get("/admin/pools/%00").status_code == 404


def test_what_is_set_aside_is_named_with_the_reason(
    operator: Operator, database: Database, pool: str
) -> None:
    with database.write() as session:
        trust.suspend(session, "test/00000", by="me", reason="half a <download>", at=now())
    overview, page = operator.get().text, operator.get("/admin/pools/test").text
    assert "test/00000" in overview
    assert "half a &lt;download&gt;" in overview
    assert "set aside" in page
    assert "half a &lt;download&gt;" in page


def test_a_shard_that_is_gone_is_named(
    operator: Operator, pool: str, database: Database, tmp_path: Path
) -> None:
    with database.write() as session:
        shard = session.scalars(select(Shard).order_by(Shard.name)).first()
        assert shard
        shard.path = str(tmp_path / "nowhere.tar")
    assert f"The shard {shard.name} can&#39;t be read." in operator.get("/admin/pools/test").text


def test_what_devices_and_pools_call_themselves_is_only_text(
    app: Flask, operator: Operator, pool: str
) -> None:
    api = Api(app)
    evil = msgspec.structs.replace(
        api.keys.registration(api.challenge()), device_class="<script>x</script>"
    )
    assert api.post("/devices", evil, token=None).status_code == 201
    page = operator.get().text
    assert "&lt;script&gt;x&lt;/script&gt;" in page
    assert re.findall(r"<script[^>]*>", page) == SCRIPTS


def test_only_our_own_script_may_run_and_nothing_is_kept(operator: Operator) -> None:
    answer = operator.get()
    assert answer.headers["Content-Security-Policy"] == ADMIN_POLICY
    assert "script-src 'self';" in ADMIN_POLICY
    assert "unsafe" not in ADMIN_POLICY
    assert re.findall(r"<script[^>]*>", answer.text) == SCRIPTS
    assert "default-src 'none'" in ADMIN_POLICY
    assert not re.search(r"<[^>]+ (style|on\w+)=", answer.text)
    assert "Refresh" not in answer.headers
    assert operator.get("/admin?refresh=on").headers["Refresh"] == "30"


def test_contributors_get_no_cookie(app: Flask, operator: Operator) -> None:
    for path in ("/", ROOT + "/status"):
        answer = app.test_client().get(path)
        assert "Set-Cookie" not in answer.headers
        assert "Cookie" not in answer.headers.get("Vary", "")


@given(values=st.lists(st.integers(0, 10**9), max_size=90))
def test_bars_stay_inside_the_chart(values: list[int]) -> None:
    drawn = chart(values)
    assert len(drawn.bars) == len(values)
    assert str(drawn.top)[0] in "125"
    assert set(str(drawn.top)[1:]) <= {"0"}
    for bar in drawn.bars:
        assert 0 <= bar.x <= bar.x + bar.width <= WIDTH + 0.01
        assert 0 <= bar.y <= HEIGHT
        assert (bar.height > 0) is (bar.value > 0)
        assert bar.value <= drawn.top


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3600, "1 h"), (90_061, "1 d 1 h"), (-5, "0 s")],
)
def test_durations(seconds: int, said: str) -> None:
    assert words.duration(timedelta(seconds=seconds)) == said


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (0, 0, "none"),
        (0, 9, "0 %"),
        (9, 9, "100 %"),
        (1, 10**6, "< 0.1 %"),
        (99_999, 10**5, "99.9 %"),
    ],
)
def test_shares(part: int, whole: int, said: str) -> None:
    assert words.share(part, whole) == said


def test_sizes() -> None:
    assert [words.size(value) for value in (0, 999, 1000, 12_345_678, 10**18)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "12.3 MB",
        "1000.0 PB",
    ]


def test_a_device_is_seen_when_it_works(api: Api, pool: str, database: Database) -> None:
    long_ago = now() - timedelta(days=2)
    with database.write() as session:
        session.execute(update(Device).values(last_seen_at=long_ago))
    lease = api.lease().leases[0]
    api.finish(lease)
    with database.read() as session:
        [device] = session.scalars(select(Device)).all()
    assert now() - device.last_seen_at < timedelta(minutes=1)
