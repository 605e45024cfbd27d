"""What contributors are told of their own work, and that they are told nothing of others'."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from dva_agent import statements
from dva_agent.credit import Amount, Credit, CreditProof, Work
from dva_agent.protocol import ROOT, Lease, pack_scores
from flask import Flask

from server.config import Settings
from server.contributors import account
from server.contributors import services as contributors
from server.credit import epochs, statement
from server.credit import services as ledger
from server.db import Database, now
from server.me import work
from server.pools.bundles import registered
from server.results import services as results
from server.trust import queue
from tests.keys import ORIGIN, Keys
from tests.server.api import Api, problem, result_for
from tests.server.auditing import FAILED, PASSED, Trial
from tests.server.command import Dva

AT = datetime(2026, 11, 23, tzinfo=UTC)
WITHHELD, BROKEN = 8, 2


def auth(api: Api) -> dict[str, str]:
    return {"Authorization": f"Bearer {api.device.token}"}


def credit_of(api: Api) -> Credit:
    return api.ok(api.get(f"{ROOT}/me/credit", **auth(api)), Credit)


def units_of(api: Api, query: str = "") -> Work:
    return api.ok(api.get(f"{ROOT}/me/units{query}", **auth(api)), Work)


def a_pair(settings: Settings, lease: Lease) -> int:
    """Its credits."""
    manifest = registered(settings.bundles, lease.bundle)
    assert manifest is not None
    return round(manifest.gflops_per_pair * 1000)


def post(api: Api, statuses: bytes | None = None) -> Lease:
    lease = api.lease().leases[0]
    if statuses is None:
        api.finish(lease)
    else:
        scores = pack_scores([0.0 if status else 0.5 for status in statuses])
        api.post_result(lease, result_for(lease, statuses=statuses, scores=scores))
    return lease


def settle(database: Database, settings: Settings, api: Api, kind: str, *, oldest: int) -> None:
    """What an auditor would decide about so many of the device's oldest pending results."""
    with database.write() as session:
        run = results.pending_of(session, [api.device.device])[:oldest]
        who = contributors.contributor_of(session, api.device.device)
        earned = [ledger.earned(settings, result, unit) for result, unit in run]
        if kind == "confirm":
            for result, _ in run:
                results.confirm(result)
            ledger.confirm(session, who, earned, AT)
        else:
            for result, _ in run:
                results.reject(session, result)
            ledger.forfeit(session, who, earned, AT, reason="audit_failed")


def test_a_new_contributor_has_nothing(api: Api) -> None:
    nothing = Amount(credits=0, pairs=0)
    found = credit_of(api)
    assert (found.pending, found.confirmed, found.forfeited, found.revoked) == (nothing,) * 4
    assert units_of(api) == Work(units=[])


def test_what_is_posted_is_pending_then_confirmed_or_forfeited(
    api: Api, pool: str, database: Database, settings: Settings
) -> None:
    lease = post(api)
    rate = a_pair(settings, lease)
    assert rate > 0
    size = len(lease.pairs)
    found = credit_of(api)
    assert found.pending == Amount(credits=size * rate, pairs=size)
    assert (found.pending_units, found.confirmed.pairs) == (1, 0)
    [unit] = units_of(api).units
    assert (unit.unit, unit.pool, unit.pairs) == (lease.unit, pool, size)
    assert (unit.state, unit.reason, unit.awaits) == ("pending", "posted", "auditor")

    settle(database, settings, api, "confirm", oldest=1)
    second = post(api)
    settle(database, settings, api, "forfeit", oldest=1)
    found = credit_of(api)
    assert found.pending == Amount(credits=0, pairs=0)
    assert found.confirmed == Amount(credits=size * rate, pairs=size)
    assert found.forfeited.pairs == len(second.pairs)
    told = [(unit.unit, unit.state, unit.reason, unit.awaits) for unit in units_of(api).units]
    assert told == [
        (second.unit, "forfeited", "audit_failed", None),
        (lease.unit, "confirmed", "audits_passed", None),
    ]


def told(api: Api) -> list[tuple[str, str, str | None]]:
    return [(unit.state, unit.reason, unit.awaits) for unit in units_of(api).units]


def test_a_unit_says_what_it_waits_for_and_what_went_wrong(
    api: Api, pool: str, database: Database, settings: Settings
) -> None:
    trial = Trial(database, settings)
    post(api)
    assert told(api) == [("pending", "posted", "auditor")]
    with database.write() as session:
        queue.report(session, "one", now(), now(), pairs=0, busy_ms=0)
    assert told(api) == [("pending", "posted", "audit")]
    trial.draw()
    assert told(api) == [("pending", "posted", "audit")]
    trial.end_all(PASSED)
    assert told(api) == [("pending", "passed", "later_audits")]
    post(api)
    trial.draw()
    trial.end_all(FAILED)
    assert told(api) == [
        ("forfeited", FAILED.reason, None),
        ("forfeited", "audit_failed", None),
    ]


def test_broken_pairs_count_and_withheld_ones_dont(
    api: Api, pool: str, database: Database, settings: Settings
) -> None:
    post(api, bytes([BROKEN, 0, 0, 0]))
    assert credit_of(api).pending.pairs == 4
    with database.write() as session:
        [(result, _)] = results.pending_of(session, [api.device.device])
        result.statuses = bytes([BROKEN, WITHHELD, 0, 0])
    assert credit_of(api).pending.pairs == 3


def test_units_come_page_by_page(api: Api, pool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "PAGE", 2)
    posted = [post(api).unit for _ in range(5)]
    first = units_of(api)
    second = units_of(api, f"?after={first.next}")
    third = units_of(api, f"?after={second.next}")
    assert [len(page.units) for page in (first, second, third)] == [2, 2, 1]
    assert third.next is None
    found = [unit.unit for page in (first, second, third) for unit in page.units]
    assert found == posted[::-1]


def test_nobody_is_told_of_anothers_work(app: Flask, api: Api, pool: str) -> None:
    post(api)
    other = Api(app)
    assert credit_of(other).pending.pairs == 0
    assert units_of(other).units == []


@pytest.mark.parametrize("path", ["credit", "units", "proof"])
def test_who_isnt_signed_in_is_told_nothing(api: Api, path: str) -> None:
    problem(api.get(f"{ROOT}/me/{path}"), 401, "not_signed_in")


@pytest.mark.parametrize("query", ["units?after=-1", "units?after=x", "proof?epoch=9999999999"])
def test_a_number_is_a_number(api: Api, query: str) -> None:
    problem(api.get(f"{ROOT}/me/{query}", **auth(api)), 400, "message_invalid")


def test_a_proof_is_checked_without_the_server(
    api: Api, pool: str, database: Database, settings: Settings
) -> None:
    problem(api.get(f"{ROOT}/me/proof", **auth(api)), 404, "proof_unknown")
    post(api)
    settle(database, settings, api, "confirm", oldest=1)
    with database.write() as session:
        closed = epochs.close(session, AT, lambda contributor: "")
    answer = api.get(f"{ROOT}/me/proof?epoch=1", **auth(api))
    proof = api.ok(answer, CreditProof)
    assert proof.line.split(",")[1] == credit_of(api).contributor
    assert proof.line in statement.verify(answer.data, closed.root)
    problem(api.get(f"{ROOT}/me/proof?epoch=2", **auth(api)), 404, "proof_unknown")


ADDRESS = "chain:0xAbC123.x-y_z"


def attach(api: Api, address: str | None, signer: Keys, *, signed: str | None = None) -> Any:
    challenge = api.challenge()
    statement = statements.of_payout(
        challenge, ORIGIN, signed if signed is not None else address or ""
    )
    consent = signer.consent(statement, challenge)
    body = {
        "address": address,
        "challenge": b64encode(challenge).decode(),
        "signature": b64encode(consent.signature).decode(),
    }
    return api.post("/me/payout", json=body)


def test_an_address_is_in_the_next_epoch_and_goes_with_the_account(
    api: Api, pool: str, database: Database, settings: Settings, dva: Dva, tmp_path: Path
) -> None:
    assert attach(api, ADDRESS, api.keys).json == {"address": ADDRESS}
    assert credit_of(api).payout == ADDRESS
    post(api)
    settle(database, settings, api, "confirm", oldest=1)
    assert dva(settings, "epoch", "close", "--output", str(tmp_path)).status == 0
    assert (tmp_path / "epoch-1.csv").read_text().endswith(f",{ADDRESS}\n")
    challenge = api.challenge()
    contributor = credit_of(api).contributor
    gone = api.keys.consent(statements.of_deletion(challenge, ORIGIN, contributor), challenge)
    assert api.post("/me/delete", gone).status_code == 200
    with database.read() as session:
        assert account.payouts(session) == {}


def test_nobody_else_says_where_it_is_paid_to(api: Api, database: Database) -> None:
    problem(attach(api, ADDRESS, Keys()), 422, "signature_invalid")
    problem(attach(api, ADDRESS, api.keys, signed="another.address"), 422, "signature_invalid")
    for wrong in ("short", "with,comma,in,it", "line\nbreak-in-it", "x" * 129):
        problem(attach(api, wrong, api.keys), 400, "message_invalid")
    assert credit_of(api).payout is None
