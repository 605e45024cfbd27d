"""A pool with results in every state, and everything that anybody can read of it."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from dva_agent.credit import WorkedUnit
from dva_agent.protocol import Lease, PairStatus, Report, pack_scores
from flask import Flask
from sqlalchemy import BigInteger, func, select, type_coerce, update
from sqlalchemy.orm import Session

from server.compaction import services
from server.compaction.services import Looked
from server.config import Settings
from server.contributors.services import contributor_of
from server.credit import services as credit
from server.db import Database, now
from server.me.work import units_of
from server.pools import services as pools
from server.pools.ingest import ingest
from server.results.models import CompactedShard, Result
from server.results.standing import Standing
from server.selection.scores import write_scores
from server.selection.signatures import write_signatures
from server.trust.models import Audit, Record
from server.trust.sampled import sampled
from server.work.models import Lease as LeaseRow
from tests.server.api import Api, result_for
from tests.server.auditing import FAILED, PASSED, Trial
from tests.server.pool_factory import write_pool

STATES: tuple[Standing, ...] = ("all", "confirmed", "pending")
LONG_AFTER = timedelta(days=40)
AGE = timedelta(days=7)


PAIRS = (10, 6, 9, 5, 12)
"""Of each shard, in units of four."""


def take_in(database: Database, settings: Settings, bundle: Path, folder: Path) -> str:
    """The name of a pool of PAIRS."""
    tars = write_pool(folder, PAIRS)
    ingest(database, settings, pool="test", paths=[tars], bundle=bundle, progress=silent)
    return "test"


def silent(done: int, total: int) -> None:
    """No progress."""


def post(api: Api, lease: Lease, chance: random.Random) -> None:
    statuses = bytes(
        chance.choice((PairStatus.SCORED, PairStatus.SCORED, PairStatus.IMAGE_BROKEN))
        for _ in lease.pairs
    )
    scores = [0.0 if status else chance.uniform(-1, 1) for status in statuses]
    result = result_for(lease, statuses=statuses, scores=pack_scores(scores))
    assert api.post_result(lease, result).status_code == 200


def finish(api: Api, chance: random.Random, count: int) -> int:
    leases = api.lease(count).leases
    for lease in leases:
        post(api, lease, chance)
    return len(leases)


def settle(trial: Trial, at: datetime) -> None:
    """Whatever can be decided by now is."""
    trial.draw()
    trial.end_all(PASSED)
    trial.draw_tails(at)
    trial.end_all(PASSED)


def fill(app: Flask, trial: Trial, seed: int) -> list[Api]:
    """Three people and a liar score a pool; what one of them posted last may be pending. Gives the
    three."""
    chance = random.Random(seed)
    people = [Api(app) for _ in range(3)]
    liar = Api(app)
    for api in people:
        finish(api, chance, chance.randint(1, 3))
    settle(trial, now() + timedelta(hours=2))
    assert finish(liar, chance, 2) == 2
    trial.draw()
    trial.end_all(FAILED)
    while sum(finish(api, chance, 3) for api in people):
        settle(trial, now() + timedelta(hours=2))
    with trial.database.write() as session:
        credit.project(session)
    return people


def withhold(api: Api, pool: str, unit: str, uid: str) -> None:
    posted = Report(pool=pool, unit=unit, uid=uid, reason="illegal")
    assert api.post("/reports", posted).status_code == 200


def seen(
    database: Database, settings: Settings, pool: str, people: list[Api], out: Path
) -> dict[str, Any]:
    """All that is written out, to the byte; what certificates say of audits; everybody's pages."""
    found: dict[str, Any] = {}
    for state in STATES:
        done = write_scores(
            database, settings, pool=pool, out=out / state, state=state, progress=silent
        )
        found[f"scores {state}"] = (
            done,
            {path.name: path.read_bytes() for path in sorted((out / state).iterdir())},
        )
    signed = write_signatures(
        database, settings, pool=pool, out=out / "signatures", progress=silent
    )
    found["signatures"] = signed, (out / "signatures").read_bytes()
    with database.read() as session:
        named = pools.get_pool(session, pool)
        for state in STATES:
            found[f"sampled {state}"] = sampled(session, named, state)
        found["status"] = pools.statuses(session, {})
        for number, api in enumerate(people):
            device = api.device.device
            found[f"units {number}"] = worked(session, settings, device)
            settled = credit.settled_of(session, contributor_of(session, device))
            found[f"credit {number}"] = settled
    return found


def worked(session: Session, settings: Settings, device: str) -> list[WorkedUnit]:
    """All pages of what its contributor is told."""
    pages = [units_of(session, settings, device, None, now())]
    while (after := pages[-1].next) is not None:
        pages.append(units_of(session, settings, device, after, now()))
    return [unit for page in pages for unit in page.units]


def rows(database: Database) -> dict[str, int]:
    with database.read() as session:
        return {
            kind.__tablename__: session.scalars(select(func.count()).select_from(kind)).one()
            for kind in (Result, LeaseRow, Audit, CompactedShard)
        }


def compact(
    database: Database, settings: Settings, *, after: timedelta = LONG_AFTER, **options: Any
) -> dict[str, Looked]:
    """By shard, at a time when everybody has long been silent."""
    looked = services.compact_all(
        database, settings, age=AGE, at=now() + after, **{"pool": "test", **options}
    )
    return {each.shard: each for each in looked}


def age(database: Database) -> None:
    """As if all of it had been long ago."""
    away = LONG_AFTER // timedelta(microseconds=1)
    with database.write() as session:
        for column in (Result.scored_at, Audit.finished_at, Record.last_result_at):
            earlier = type_coerce(column, BigInteger) - away
            session.execute(update(column.class_).values({column.key: earlier}))
