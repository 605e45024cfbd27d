"""What a device's self-tests came to gets to the server, and brings it leases."""

from __future__ import annotations

import numpy as np
from dva_agent.answer import Answer
from dva_agent.events import SelfTested, Waiting
from dva_agent.protocol import Idle, Leases, encode
from sqlalchemy import select, update

from server.selftests.models import SelfTest
from tests.dva_agent.runs import is_complete, run
from tests.dva_agent.world import UNITS, World


def told(here: World) -> list[tuple[str, bool, int, int]]:
    with here.database.read() as session:
        rows = session.execute(
            select(SelfTest.rung, SelfTest.passed, SelfTest.passes, SelfTest.failures).order_by(
                SelfTest.rung
            )
        )
        return [tuple(row) for row in rows]


def test_a_rung_that_fails_is_told_beside_the_one_that_passes(here: World) -> None:
    here.moods.append(lambda rows: rows + np.float32(0.05))
    assert run(here, rungs=("wasm", "native")).units == UNITS
    assert told(here) == [("native", True, 1, 0), ("wasm", False, 0, 1)]
    paths = [url.rsplit("/", 1)[-1] for method, url in here.wire.requests if method == "POST"]
    assert paths[:5] == ["challenges", "devices", "selftests", "selftests", "leases"]


def test_a_test_that_has_ended_is_run_again_and_the_work_goes_on(here: World) -> None:
    """The server forgets it in the middle: once as work is asked for, once as it is posted."""
    posts = 0

    def forget(method: str, url: str, answer: Answer | None) -> None:
        nonlocal posts
        asks = method == "POST" and url.endswith(("/leases", "/result")) and answer is None
        posts += asks
        if asks and posts in (1, 3):
            with here.database.write() as session:
                session.execute(update(SelfTest).values(passed=False))

    here.wire.fault = forget
    assert run(here).units == UNITS
    assert is_complete(here)
    [(_, passed, passes, failures)] = told(here)
    assert passed
    assert passes >= 3
    assert failures == 0


def test_a_server_that_is_never_content_is_asked_seldom(here: World) -> None:
    wants = Idle(
        reason="selftest_due",
        retry_after_s=30.0,
        bundle=here.manifest.bundle,
        bundle_url=f"/api/v1/bundles/{here.manifest.bundle}/",
    )
    answers = 0

    def never(method: str, url: str, answer: Answer | None) -> Answer | None:
        nonlocal answers
        if method == "POST" and url.endswith("/leases") and answer is None and answers < 4:
            answers += 1
            return Answer(status=200, headers={}, body=encode(Leases(leases=[], idle=wants)))
        return None

    here.wire.fault = never
    assert run(here, units=1).units == 1
    assert len(here.of(SelfTested)) == 1 + 4
    waits = here.of(Waiting)
    assert [event.reason for event in waits] == ["selftest_due"] * 3
    assert all(event.seconds > 20 for event in waits)
