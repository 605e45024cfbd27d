"""No lease without a fresh self-test that passed, and no result from a rung that wasn't tested."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from dva_agent.bundle import Manifest
from dva_agent.protocol import ROOT, LeaseRequest, Leases, decode, encode, pack_scores
from dva_agent.readiness import SelfTestRates
from flask import Flask
from sqlalchemy import func, select

from server.config import Settings
from server.db import Database
from server.pools.ingest import ingest
from server.selftests import services
from server.selftests.cards import card_of
from server.selftests.models import SelfTest
from tests.server.api import Api, problem, result_for, selftest_of
from tests.server.pool_factory import FILES, GOLDEN_SCORES, write_bundle, write_pool
from tests.server.test_accounts import deletion

WRONG = [*GOLDEN_SCORES[:-1], GOLDEN_SCORES[-1] + 0.0011]
"""The last score is further off than the bundle's rungs may be."""


def ask(api: Api, **fields: Any) -> Leases:
    """For leases, without doing what it takes to get them."""
    request = LeaseRequest(agents=["caption-statistics", "dva"], **fields)
    answer = api.client.post(
        ROOT + "/leases",
        data=encode(request),
        content_type="application/json",
        headers={"Authorization": f"Bearer {api.device.token}"},
    )
    found = decode(answer.data, Leases)
    api.know(found.leases)
    return found


def due(answer: Leases) -> str | None:
    """The bundle that has to be tested first."""
    if answer.idle is None or answer.idle.reason != "selftest_due":
        return None
    assert answer.idle.bundle_url == f"{ROOT}/bundles/{answer.idle.bundle}/"
    assert answer.idle.retry_after_s > 0
    return answer.idle.bundle


def test_no_lease_before_it_and_leases_after(api: Api, pool: str, manifest: Manifest) -> None:
    assert due(ask(api)) == manifest.bundle
    assert api.prove(manifest.bundle)
    assert ask(api).leases


@pytest.mark.parametrize(
    "wrong",
    [
        {"scores": pack_scores(WRONG)},
        {"scores": pack_scores([*GOLDEN_SCORES[:-1], float("nan")])},
        {"scores": pack_scores(GOLDEN_SCORES[:-1])},
        {"scores": b""},
        {"scores": b"abc"},
        {"sound": False},
    ],
)
@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_the_server_judges_the_scores_itself(
    api: Api, pool: str, manifest: Manifest, wrong: dict[str, Any]
) -> None:
    assert not api.prove(manifest.bundle, **wrong)
    assert due(ask(api)) == manifest.bundle


def test_a_later_failure_counts(api: Api, pool: str, manifest: Manifest) -> None:
    api.prove(manifest.bundle)
    lease = ask(api).leases[0]
    api.prove(manifest.bundle, scores=pack_scores(WRONG))
    assert due(ask(api)) == manifest.bundle
    problem(api.post_result(lease, result_for(lease)), 409, "rung_untested")
    api.prove(manifest.bundle)
    api.finish(lease)


@pytest.mark.parametrize("other", [{"rung": "wasm"}, {"device_class": "another card"}])
@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_result_is_of_the_arithmetic_that_was_tested(
    api: Api, pool: str, other: dict[str, Any]
) -> None:
    lease = api.lease().leases[0]
    result = result_for(lease, **other)
    problem(api.post_result(lease, result), 409, "rung_untested")
    api.prove(lease.bundle, **{"device_class": "test", **other})
    assert api.post_result(lease, result).status_code == 200


def test_it_ends_after_a_day_and_with_another_agent(
    api: Api, app: Flask, pool: str, manifest: Manifest, database: Database
) -> None:
    api.prove(manifest.bundle)
    lease = ask(api).leases[0]
    age(database, services.FRESH)
    assert due(ask(api)) == manifest.bundle
    api.finish(lease)
    api.prove(manifest.bundle)
    with database.write() as session:
        session.execute(SelfTest.__table__.update().values(agent_version="older"))  # type: ignore[attr-defined]
    assert due(ask(api)) == manifest.bundle


def age(database: Database, by: timedelta) -> None:
    with database.write() as session:
        for each in session.scalars(select(SelfTest)):
            each.tested_at -= by


def test_only_what_there_is_can_be_tested(api: Api, pool: str, manifest: Manifest) -> None:
    problem(api.post("/selftests", selftest_of("f" * 32)), 404, "bundle_unknown")
    there_is_none = selftest_of(manifest.bundle, "webgpu-f16")
    problem(api.post("/selftests", there_is_none), 404, "bundle_unknown")
    told = selftest_of(manifest.bundle)
    problem(api.post("/selftests", told, token=None), 401, "not_signed_in")


def test_it_goes_with_its_account(api: Api, pool: str, manifest: Manifest, app: Flask) -> None:
    api.prove(manifest.bundle)
    other = Api(app)
    other.prove(manifest.bundle)
    assert api.post("/me/delete", deletion(api, api.device.contributor)).status_code == 200
    with app.extensions["dva-database"].read() as session:
        assert session.scalars(select(SelfTest.device_id)).all() == [other.device.device]


def test_an_agent_without_a_model_has_nothing_to_test(
    api: Api, database: Database, settings: Settings, pool: str, tmp_path: Path
) -> None:
    """Nor does a bundle that a device can't compute keep it from other work."""
    folder = write_pool(tmp_path / "captions", [4])
    write_bundle(tmp_path / "other", {**FILES, "text.onnx": b"of another"})
    take = {"progress": lambda done, total: None, "agent": "caption-statistics"}
    ingest(database, settings, pool="captions", paths=[folder], bundle=tmp_path / "other", **take)
    [lease] = ask(api).leases
    assert lease.pool == "captions"
    result = result_for(lease, rung="python", scores=pack_scores([0.0] * 20))
    assert api.post_result(lease, result).status_code == 200
    assert due(ask(api, pool="captions")) is None
    assert due(ask(api))


def test_the_table_names_nobody(
    app: Flask, api: Api, pool: str, manifest: Manifest, database: Database
) -> None:
    def kinds() -> list[tuple[str, str, str, int, int, int]]:
        table = Api.ok(api.get(ROOT + "/selftests"), SelfTestRates)
        assert table.least_devices == services.LEAST_DEVICES
        return [
            (rate.card, rate.browser, rate.rung, rate.devices, rate.tests, rate.passed)
            for rate in table.rates
        ]

    card = {"rung": "wasm", "device_class": "nvidia ada-lovelace", "browser": "chromium"}
    devices = [Api(app) for _ in range(services.LEAST_DEVICES)]
    for device in devices[1:]:
        device.prove(manifest.bundle, **card)
    assert kinds() == []
    for _ in range(2):  # a device counts once
        devices[0].prove(manifest.bundle, **card, scores=pack_scores(WRONG))
    assert kinds() == [("nvidia ada-lovelace", "chromium", "wasm", 3, 3, 2)]
    page = re.sub(r"<[^>]*>|\s+", " ", api.get("/selftests").text)
    assert "nvidia ada-lovelace chromium wasm 3 3 66.7 %" in " ".join(page.split())
    with database.read() as session:
        counts = select(func.sum(SelfTest.passes), func.sum(SelfTest.failures))
        assert session.execute(counts).one() == (2, 2)
    age(database, services.KEPT)
    api.prove(manifest.bundle)
    assert kinds() == []


@pytest.mark.parametrize(
    ("told", "card"),
    [
        ("nvidia ada-lovelace", "nvidia ada-lovelace"),
        ("NVIDIA GeForce RTX 4090 of Bob", "nvidia"),
        ("intel gen-12lp", "intel gen-12lp"),
        ("apple metal-3", "apple metal-3"),
        ("amd rdna-3 buy-my-coin", "amd rdna-3"),
        ("amd buy-my-coin", "amd"),
        ("google swiftshader", "software"),
        ("Mesa llvmpipe (LLVM 19.1)", "software"),
        ("processor, 4 threads", "processor"),
        ("x86_64 onnxruntime-1.23.2", "processor"),
        ("http://example.org", "other"),
        ("", "other"),
    ],
)
def test_a_card_is_told_as_far_as_it_is_known(told: str, card: str) -> None:
    assert card_of(told) == card
