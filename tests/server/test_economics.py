"""What scoring moves, computes and costs: from what was counted, or said to be unknown."""

from __future__ import annotations

import dataclasses
import re

from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from server import create_app
from server.admin import services
from server.admin.economics import of_pool
from server.admin.pages.economics import audits, hours, operations, percent, size, traffic
from server.config import Settings
from server.db import Database, now
from server.history.services import COUNTED, Sums
from server.trust import queue
from tests.server.api import Api
from tests.server.auditing import Trial
from tests.server.operator_pages import NAME, PASSWORD, Operator

MEASURED = Sums(
    leases=12,
    bytes=300_000,
    results=10,
    pairs=2_000,
    again_pairs=500,
    new_pairs=400,
    new_drawn=80,
    known_pairs=1_600,
    known_drawn=8,
)


def test_a_million_pairs() -> None:
    found = of_pool("p", MEASURED, files=(1_000_000, 10_000), gflops_pair=4.4, audited_per_s=50.0)
    assert found.bytes_million == 150e6
    assert found.file_bytes_million == 100e6
    assert found.gflops_million == 4.4e6
    assert (found.new_share, found.known_share) == (0.2, 0.005)
    assert (found.audited_share, found.again_share) == (0.044, 0.25)
    # 44,000 pairs at 50 a second.
    assert found.audit_hours_million is not None
    assert round(found.audit_hours_million, 6) == round(44_000 / 50 / 3600, 6)
    settings = Settings(traffic_price="0.10 EUR", auditor_price="2 EUR")
    assert traffic(settings, found) == "0.01 EUR"
    assert audits(settings, found) == "0.49 EUR"
    assert traffic(Settings(), found) == audits(Settings(), found) == "unknown"


def test_what_isnt_known_is_said_to_be() -> None:
    found = of_pool("p", Sums(), files=(0, 0), gflops_pair=None, audited_per_s=None)
    settings = Settings(traffic_price="1 EUR", auditor_price="1 EUR")
    said = {
        size(found.bytes_million),
        size(found.file_bytes_million),
        operations(found.gflops_million),
        percent(found.new_share),
        percent(found.audited_share),
        hours(found.audit_hours_million),
        traffic(settings, found),
        audits(settings, found),
    }
    assert said == {"unknown"}


def test_how_it_is_said() -> None:
    assert operations(0.0) == "none: it runs no model"
    assert operations(4.4e6) == "4.4 PFLOP"
    assert operations(12.0) == "12.0 GFLOP"
    assert operations(1e12) == "1,000.0 EFLOP"
    assert percent(0.00694) == "0.69 %"
    assert (hours(0.001), hours(1234.5)) == ("< 0.01 h", "1,234.50 h")


@given(
    counts=st.lists(st.integers(0, 10**15), min_size=len(COUNTED), max_size=len(COUNTED)),
    files=st.tuples(st.integers(0, 10**15), st.integers(0, 10**12)),
    speed=st.none() | st.floats(0, 1e6),
)
def test_no_figure_is_refused(
    counts: list[int], files: tuple[int, int], speed: float | None
) -> None:
    counted = Sums(**dict(zip(COUNTED, counts, strict=True)))
    found = of_pool("p", counted, files=files, gflops_pair=1.0, audited_per_s=speed)
    for value in dataclasses.astuple(found):
        assert value is None or isinstance(value, str) or value >= 0


def test_the_page(settings: Settings, database: Database, cheap_passwords: None, pool: str) -> None:
    with database.write() as session:
        services.create(session, NAME, PASSWORD, now())
        queue.report(session, "one", now(), now(), pairs=100, busy_ms=1000)
    priced = dataclasses.replace(settings, secret_key="k" * 32, traffic_price="0.09 USD")
    app: Flask = create_app(priced, database)
    operator = Operator(app)
    operator.sign_in()
    assert "Nothing has been counted yet." in operator.get("/admin/economics").text
    api = Api(app)
    leases = api.lease(2).leases
    for lease in leases:
        api.finish(lease)
    Trial(database, settings).draw()
    page = operator.get("/admin/economics").text
    said = " ".join(re.sub(r"<[^>]+>", " ", page[page.index("<main") :]).split())
    pairs = sum(len(lease.pairs) for lease in leases)
    assert f"From {pairs} pairs that results came for" in said
    assert "A gigabyte out 0.09 USD" in said
    assert "An auditor&#39;s hour unknown DVA_AUDITOR_PRICE" in said
    assert "An auditor recomputes 100.0 pairs/s" in said
    # Units of four pairs on probation are looked at as a whole.
    assert "Recomputed, on probation 100.00 % Recomputed, after it unknown" in said
    # A million pairs at a hundred a second.
    assert "2.78 h unknown" in said
