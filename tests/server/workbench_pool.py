"""A pool that was scored, a snapshot and selections of it, and who looks at them."""

from __future__ import annotations

import dataclasses

from dva_agent.protocol import pack_scores
from flask import Flask
from sqlalchemy import select

from server import create_app
from server.admin import services as accounts
from server.config import Settings
from server.db import Database, now
from server.pools import services as pools
from server.results import services as results
from server.results.services import Result
from server.selection.cut import Cut
from server.selection.cutting import Terms, select_pool
from server.workbench import folders, services, snapshot
from server.workbench.services import Ask
from tests.server.api import Api, result_for
from tests.server.operator_pages import NAME, PASSWORD, Operator

BENCH = "/admin/pools/test/workbench"
ALL = Terms(state="all")


def with_operator(settings: Settings, database: Database) -> Flask:
    with database.write() as session:
        accounts.create(session, NAME, PASSWORD, now())
    return create_app(dataclasses.replace(settings, secret_key="k" * 32), database)


def signed_in(app: Flask) -> Operator:
    operator = Operator(app)
    assert operator.sign_in().status_code == 303
    return operator


def score_all(api: Api, database: Database, settings: Settings) -> dict[str, float]:
    """uid -> score of 16 pairs, those of the first unit confirmed, and a snapshot of them."""
    known: dict[str, float] = {}
    while leases := api.lease(8).leases:
        for lease in leases:
            scores = [int(pair.uid[:2], 16) / 256 for pair in lease.pairs]
            known |= {pair.uid: score for pair, score in zip(lease.pairs, scores, strict=True)}
            api.post_result(lease, result_for(lease, scores=pack_scores(scores)))
    with database.write() as session:
        first = session.scalars(select(Result).order_by(Result.id)).first()
        assert first is not None
        results.confirm(first)
    look(database, settings)
    return known


def look(database: Database, settings: Settings) -> None:
    """A snapshot, without a process of its own."""
    with database.write() as session:
        pool = pools.get_pool(session, "test")
        job = services.begin(session, pool, "snapshot", NAME, now()).id
    snapshot.take(
        database,
        settings,
        pool="test",
        out=folders.snapshot(settings, "test", job),
        at=now(),
        progress=lambda done, total: None,
    )
    with database.write() as session:
        services.finish(session, job, now())


def selected(
    database: Database,
    settings: Settings,
    name: str = "The best",
    terms: Terms = ALL,
    value: float = 0.25,
) -> int:
    """A selection, without a process of its own."""
    cut = Cut(rule="top", value=value)
    with database.write() as session:
        pool = pools.get_pool(session, "test")
        ask = Ask(name=name, cut=cut, standing="all")
        job = services.begin_cut(session, pool, ask, NAME, now()).id
    done = select_pool(
        database,
        settings,
        pool="test",
        cut=cut,
        out=folders.selection(settings, "test", job),
        terms=terms,
        progress=lambda done, total: None,
    )
    with database.write() as session:
        assert services.finish(session, job, now(), done)
    return job
