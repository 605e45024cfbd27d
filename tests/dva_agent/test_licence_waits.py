"""What an agent does while the server's operator hasn't accepted the model's licence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dva_agent.errors import LicenceWaits
from dva_agent.events import Waiting
from dva_agent.runner import Runner

from server.db import now
from server.pools import licences
from tests.dva_agent.runs import is_complete, meddled, run
from tests.dva_agent.world import World, world
from tests.licensed import write_licensed


@pytest.fixture
def licensed(tmp_path: Path, small_pool: Path, demo_bundle: Path) -> Iterator[World]:
    manifest = write_licensed(demo_bundle, tmp_path / "bundle")
    with world(tmp_path / "data", small_pool, tmp_path / "bundle", manifest) as made:
        yield made


def test_a_terminal_says_so_and_ends(licensed: World) -> None:
    with pytest.raises(LicenceWaits) as caught:
        run(licensed)
    assert caught.value.code == "licence_unaccepted"
    assert licensed.engines == [], "nothing of the model was asked for"


def test_a_tab_waits_until_it_is_accepted(licensed: World) -> None:
    def accept(runner: Runner) -> None:
        licences.accept(licensed.settings, licensed.manifest, by="alice", at=now())
        runner.stop(finish=True)

    meddled(licensed, Waiting, accept, until_drained=False)
    assert [event.reason for event in licensed.of(Waiting)] == ["licence_unaccepted"]
    run(licensed)
    assert is_complete(licensed)
