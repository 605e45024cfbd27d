"""Devices post, repeat and let leases expire, audits pass, fail, look again and die on the way,
tails are drawn, balances projected and rebuilt, in any order: what the ledger holds of everybody is
always what their results, as they stand, are worth."""

from __future__ import annotations

import dataclasses
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from dva_agent.protocol import Lease, LeaseRequest, Leases, decode
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import select

from server.config import Settings
from server.contributors.models import Device
from server.credit import services as credit
from server.db import Database, now
from server.pools.ingest import ingest
from server.pools.models import Unit
from server.results.models import Result
from server.trust import settling
from server.trust.judging import Verdict
from server.work.models import HELD
from server.work.models import Lease as LeaseRow
from tests.server.api import Api, result_for
from tests.server.auditing import AGAIN, FAILED, PASSED, Trial
from tests.server.pool_factory import write_pool

HIDDEN = timedelta(hours=2)
STEPS = st.one_of(
    st.tuples(st.just("post"), st.integers(0, 2)),
    st.tuples(st.just("repeat"), st.integers(0, 2)),
    st.tuples(st.sampled_from(["pass", "again", "die", "draw", "tails"]), st.just(0)),
    # A failure ends a device's work: not too many of them.
    st.tuples(st.sampled_from(["fail", "expire", "newcomer", "project", "rebuild"]), st.just(0)),
)


class Dies(Exception):
    """The auditor, before it has committed."""


class World:
    def __init__(self, app: Flask, database: Database, settings: Settings) -> None:
        self.app, self.database, self.settings = app, database, settings
        self.trial = Trial(database, settings)
        self.devices = [Api(app) for _ in range(3)]
        self.last: dict[int, Lease] = {}

    def step(self, name: str, device: int) -> None:
        if name == "post":
            self._post(device)
        elif name == "repeat" and device in self.last:
            lease = self.last[device]
            assert self.devices[device].post_result(lease, result_for(lease)).status_code in (
                200,
                403,
            )
        elif name in ("pass", "fail", "again", "die"):
            self._end(name)
        elif name == "draw":
            self.trial.draw()
        elif name == "tails":
            self.trial.draw_tails(now() + HIDDEN)
        elif name == "newcomer":
            self.devices = [*self.devices[1:], Api(self.app)]
            self.last = {}
        else:
            self._keep_house(name)

    def _post(self, device: int) -> None:
        api = self.devices[device]
        answer = api.post("/leases", LeaseRequest(agents=["dva"]))
        if answer.status_code == 403:
            return
        for lease in decode(answer.data, Leases).leases:
            api.finish(lease)
            self.last[device] = lease

    def _end(self, how: str) -> None:
        """The oldest open audit."""
        verdicts: dict[str, Verdict] = {"pass": PASSED, "fail": FAILED, "again": AGAIN}
        for audit in self.trial.audits("open")[:1]:
            try:
                with self.database.write() as session:
                    verdict = verdicts.get(how, FAILED)
                    settling.settle(session, self.trial.court, audit.id, verdict, (b"", b""), now())
                    if how == "die":
                        raise Dies
            except Dies:
                pass

    def _keep_house(self, name: str) -> None:
        with self.database.write() as session:
            if name == "expire":
                for lease in session.scalars(select(LeaseRow).where(LeaseRow.state == HELD)):
                    lease.deadline = now() - timedelta(seconds=1)
            elif name == "project":
                credit.project(session)
            elif name == "rebuild":
                credit.rebuild(session)

    def check(self) -> None:
        worth: Counter[tuple[str, str]] = Counter()
        with self.database.read() as session:
            rows = session.execute(
                select(Device.contributor_id, Result, Unit)
                .join(Result, Result.device_id == Device.id)
                .join(Unit, Unit.id == Result.unit_id)
            ).all()
            for contributor, result, unit in rows:
                earned = credit.earned(self.settings, result, unit)
                worth[contributor, result.state] += earned.amount
            for contributor in {contributor for contributor, *_ in rows}:
                settled = credit.settled_of(session, contributor)
                assert settled.confirmed.credits == worth[contributor, "confirmed"]
                assert settled.forfeited.credits == worth[contributor, "rejected"]
                assert settled.revoked.credits == worth[contributor, "revoked"]
            everything = credit.balances(session).values()
            assert sum(amount.credits for amount in everything) == 0
            assert sum(amount.pairs for amount in everything) == 0


@pytest.fixture
def world(
    app: Flask, database: Database, settings: Settings, bundle_folder: Path, tmp_path: Path
) -> World:
    folder = write_pool(tmp_path / "many", (512, 512))
    ingest(
        database,
        dataclasses.replace(settings, unit_pairs=64),
        pool="test",
        paths=[folder],
        bundle=bundle_folder,
        progress=lambda done, total: None,
    )
    return World(app, database, settings)


@examples(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(steps=st.lists(STEPS, min_size=15, max_size=40))
def test_credit_is_what_the_results_are_worth(world: World, steps: list[tuple[str, int]]) -> None:
    for name, device in steps:
        world.step(name, device)
        world.check()


def test_everything_that_can_become_of_a_result_happens(world: World) -> None:
    """Or the walk above would prove less than it says."""
    for name in ("post", "post", "draw", "pass", "pass", "tails", "pass", "pass"):
        world.step(name, 0)
        world.check()
    for name in ("post", "draw", "fail", "fail", "pass"):
        world.step(name, 0)
        world.check()
    with world.database.read() as session:
        states = set(session.scalars(select(Result.state).distinct()))
    assert states == {"confirmed", "rejected", "revoked"}
