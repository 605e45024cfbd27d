"""Whole runs, and what they left in the server's database."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any

from dva_agent.protocol import unpack_scores
from dva_agent.runner import Runner, Summary

from tests.dva_agent.world import UNITS, World


def results(here: World) -> dict[int, tuple[list[float], bytes]]:
    """Scores and statuses of every stored unit."""
    with sqlite3.connect(here.data / "dva.db") as database:
        rows = database.execute("SELECT unit_id, scores, statuses FROM result").fetchall()
    database.close()
    assert len({unit for unit, _, _ in rows}) == len(rows)
    return {unit: (unpack_scores(scores), statuses) for unit, scores, statuses in rows}


def leases_granted(here: World) -> int:
    """Ever, and whatever became of them."""
    with sqlite3.connect(here.data / "dva.db") as database:
        [(count,)] = database.execute("SELECT count(*) FROM lease").fetchall()
    database.close()
    return int(count)


def is_complete(here: World) -> bool:
    """Every unit has one result, and no lease is left."""
    pool = here.status().pools[0]
    stored = results(here)
    assert all(
        statuses.count(0) == sum(score != 0 for score in scores)
        for scores, statuses in stored.values()
    )
    return (len(stored), pool.units_done, pool.units_leased) == (UNITS, UNITS, 0)


def run(here: World, **errand: Any) -> Summary:
    return asyncio.run(here.runner(**errand).run())


def meddled(here: World, when: type[Any], act: Callable[[Runner], None], **errand: Any) -> Summary:
    """A run in which `act` happens at the first event of a kind."""

    async def go() -> Summary:
        runner = here.runner(**errand)
        done = False

        def on_event(event: object) -> None:
            nonlocal done
            if isinstance(event, when) and not done:
                done = True
                act(runner)

        here.on_event = on_event
        return await runner.run()

    return asyncio.run(go())
