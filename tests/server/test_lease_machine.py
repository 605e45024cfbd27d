"""Devices claim, post, repeat, abandon, hang, miss answers and come back too late, in any order.
Whatever they do, no unit is lost, none has two results, and what a device was granted without
hearing of it is what it gets when it asks again."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from dva_agent import protocol
from dva_agent.protocol import pack_scores
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from server.config import Settings
from server.contributors.models import Contributor, Device
from server.db import Database
from server.migrations import migrate
from server.pools import services as pools
from server.pools.models import Pool, Shard, Unit
from server.refusals import Refusal
from server.results import services as results
from server.results.models import Result
from server.work import services as work
from server.work.models import HELD, Lease
from tests.keys import Keys
from tests.server.conftest import KINDS
from tests.server.postgres import Cluster
from tests.server.rows import device_row

BUNDLE = "b" * 32
DEVICES = 3
UNITS = 6
PAIRS = 2
KEYS = [Keys() for _ in range(DEVICES)]
START = datetime(2026, 1, 1, tzinfo=UTC)


def posted(lease: str, score: float, more: int = 0) -> protocol.Result:
    return protocol.Result(
        lease=lease,
        bundle=BUNDLE,
        rung="native",
        device_class="test",
        statuses=bytes(PAIRS),
        scores=pack_scores([score] * PAIRS),
        signature=bytes(64),
        more=more,
    )


class LeaseMachine(RuleBasedStateMachine):
    """The model: what was accepted under which lease, by whom it was claimed, and the time."""

    url = ""
    leases: Bundle[str] = Bundle("leases")
    """Those that a device has heard of."""
    requests: Bundle[str] = Bundle("requests")

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.settings = Settings(
            data=folder, lease_seconds=100, lease_max_seconds=250, leases_per_device=2
        )
        self.database = Database(self.url or f"sqlite:///{folder / 'dva.db'}")
        self.stack.callback(self.database.close)
        self.at = START
        self.accepted: dict[str, float] = {}
        self.holder: dict[str, int] = {}
        self.asked: dict[str, tuple[int, int]] = {}
        migrate(self.database)
        with self.database.write() as session:
            for table in (Result, Lease, Unit, Shard, Pool, Device, Contributor):
                session.execute(delete(table))
            self.devices = [f"{number:032x}" for number in range(DEVICES)]
            session.add_all(
                device_row(name, START, keys) for name, keys in zip(self.devices, KEYS, strict=True)
            )
            pool = Pool(
                name="test",
                agent="dva",
                bundle=BUNDLE,
                title="",
                licence="",
                attribution="",
                safe=True,
                created_at=START,
            )
            tar = folder / "0.tar"
            tar.touch()
            shard = Shard(
                pool=pool,
                name="0",
                path=str(tar),
                size=0,
                mtime_ns=tar.stat().st_mtime_ns,
                sha256="",
                pairs=UNITS * PAIRS,
                units=UNITS,
            )
            session.add_all(
                Unit(
                    pool=pool,
                    shard=shard,
                    number=number,
                    first_pair=number * PAIRS,
                    pairs=PAIRS,
                    span_start=0,
                    span_size=1,
                )
                for number in range(UNITS)
            )
            session.flush()
            self.pool = pool.id

    def teardown(self) -> None:
        self.stack.close()

    @rule(target=requests, device=st.integers(0, DEVICES - 1), count=st.integers(1, 3))
    def ask(self, device: int, count: int) -> str:
        request = f"{len(self.asked):032x}"
        self.asked[request] = device, count
        return request

    @rule(target=leases, request=requests, copied=st.booleans(), heard=st.booleans())
    def send(self, request: str, copied: bool, heard: bool) -> Any:
        """For the first time or again. `copied`: by another device, which knows of it somehow."""
        device, count = self.asked[request]
        device = (device + 1) % DEVICES if copied else device
        granted = self._held(Lease.request == request, device)
        before = self._count()
        with self.database.write() as session:
            claimed, idle = self._claim(session, device, count, request=request)
            ids = [lease.id for lease, _ in claimed]
        assert bool(ids) != bool(idle)
        if granted:
            assert set(ids) == granted
            assert self._count() == before
        assert len(ids) <= count
        self.holder.update(dict.fromkeys(ids, device))
        return multiple(*ids) if heard else multiple()

    @rule(target=leases, device=st.integers(0, DEVICES - 1), count=st.integers(1, 3))
    def claim(self, device: int, count: int) -> Any:
        """Without an identifier, as a client of an earlier day."""
        with self.database.write() as session:
            claimed, idle = self._claim(session, device, count)
            ids = [lease.id for lease, _ in claimed]
        assert bool(ids) != bool(idle)
        assert len(ids) <= count
        self.holder.update(dict.fromkeys(ids, device))
        return multiple(*ids)

    @rule(
        target=leases,
        lease=leases,
        score=st.sampled_from([0.25, 0.5]),
        more=st.integers(0, 2),
        heard=st.booleans(),
    )
    def post(self, lease: str, score: float, more: int, heard: bool) -> Any:
        brought: list[str] = []
        device = self.holder[lease]
        granted = self._held(Lease.brought_by == lease, device)
        before = self._results()
        try:
            with self.database.write() as session:
                own = work.own(session, self.devices[device], lease, self.at)
                told = self._signed(session, own, posted(own.id, score, more))
                stored = results.accept(session, own, told, self.at)
                kept = session.get_one(Result, stored.id)
                assert kept.scores == posted(own.id, score).scores
                assert stored.pairs_scored == kept.pairs_scored == len(told.statuses)
                if more:
                    claimed = work.brought(session, lease, self.at)
                    if claimed is None:
                        claimed, _ = self._claim(session, device, more, brought_by=lease)
                    brought = [row.id for row, _ in claimed]
                    assert not granted or set(brought) == granted
        except Refusal as error:
            known = self.accepted.get(lease)
            assert (error.code == "result_conflict") == (known is not None)
            assert known != score
            assert self._results() == before
        else:
            assert lease in self.accepted or self.at < own.deadline
            assert self.accepted.setdefault(lease, score) == score
        self.holder.update(dict.fromkeys(brought, device))
        return multiple(*brought) if heard else multiple()

    @rule(lease=leases)
    def abandon(self, lease: str) -> None:
        device = self.holder[lease]
        with self.database.write() as session:
            work.abandon(session, work.own(session, self.devices[device], lease, self.at))
        assert not self._held(Lease.id == lease, device)
        assert not self._held(Lease.brought_by == lease, device)

    @rule(lease=leases)
    def beat(self, lease: str) -> None:
        try:
            with self.database.write() as session:
                own = work.own(session, self.devices[self.holder[lease]], lease, self.at)
                work.keep_alive(self.settings, own, self.at)
                assert self.at < own.deadline
                assert own.deadline <= own.claimed_at + timedelta(seconds=250)
        except Refusal as error:
            assert error.code in ("lease_expired", "lease_abandoned")

    @rule(seconds=st.sampled_from([1, 60, 99, 100, 101, 300]))
    def wait(self, seconds: int) -> None:
        self.at += timedelta(seconds=seconds)

    @precondition(lambda self: self.holder)
    @rule()
    def work_off(self) -> None:
        """From any state, somebody who works alone gets everything that isn't done."""
        self.at += timedelta(seconds=1000)
        device = 0
        while True:
            with self.database.write() as session:
                claimed, idle = self._claim(session, device, 2)
                for lease, _ in claimed:
                    told = self._signed(session, lease, posted(lease.id, 0.5))
                    results.accept(session, lease, told, self.at)
                    self.accepted[lease.id] = 0.5
                    self.holder[lease.id] = device
            if idle:
                break
        assert idle.reason == "drained"
        assert len(self._results()) == UNITS

    def _signed(self, session: Session, lease: Lease, result: protocol.Result) -> protocol.Result:
        unit = pools.get_unit(session, lease.unit_id).name
        keys = KEYS[self.devices.index(lease.device_id)]
        return msgspec.structs.replace(result, signature=keys.signature(result, unit))

    @invariant()
    def every_unit_is_in_one_place(self) -> None:
        with self.database.read() as session:
            states = dict(session.execute(select(Unit.id, Unit.state)).all())
            held = session.scalars(select(Lease.unit_id).where(Lease.state == HELD)).all()
            done = session.scalars(select(Result.unit_id)).all()
            counts = pools.count_units(session, [self.pool])
            pairs_done = session.scalar(select(func.sum(Shard.pairs_done)))
            by_device = session.execute(
                select(func.count()).where(Lease.state == HELD).group_by(Lease.device_id)
            )
            assert all(count <= 2 for (count,) in by_device)
        assert len(states) == UNITS
        assert sorted(held) == sorted(unit for unit in states if states[unit] == "leased")
        assert sorted(done) == sorted(unit for unit in states if states[unit] == "done")
        assert (counts.total, counts.done) == (UNITS, len(done))
        assert pairs_done == len(done) * PAIRS

    @invariant()
    def what_was_accepted_stays(self) -> None:
        assert self._results() == {
            lease: posted(lease, score).scores for lease, score in self.accepted.items()
        }

    def _results(self) -> dict[str, bytes]:
        with self.database.read() as session:
            return dict(session.execute(select(Result.lease_id, Result.scores)).all())

    def _held(self, which: ColumnElement[bool], device: int) -> set[str]:
        """A device's live leases of this kind."""
        own = Lease.device_id == self.devices[device]
        live = (Lease.state == HELD) & (Lease.deadline > self.at)
        with self.database.read() as session:
            return set(session.scalars(select(Lease.id).where(which, own, live)))

    def _count(self) -> int:
        with self.database.read() as session:
            return session.scalars(select(func.count()).select_from(Lease)).one()

    def _claim(
        self, session: Any, device: int, count: int, **granted_for: str
    ) -> tuple[work.Claimed, protocol.Idle | None]:
        return work.claim(
            session,
            self.settings,
            device=self.devices[device],
            pool_ids=[self.pool],
            count=count,
            at=self.at,
            **granted_for,
        )


@pytest.mark.parametrize("kind", KINDS)
def test_no_unit_is_lost_or_done_twice(kind: str, request: pytest.FixtureRequest) -> None:
    machine: Any = LeaseMachine
    if kind == "postgresql":
        postgres: Cluster = request.getfixturevalue("postgres")
        url = Settings(database=postgres.url(postgres.create())).database_url
        machine = type("PostgresLeaseMachine", (LeaseMachine,), {"url": url})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
