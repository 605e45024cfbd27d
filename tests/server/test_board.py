"""The status is fresh while that is cheap, and shared where it isn't."""

from __future__ import annotations

import pytest

from server.work import board
from server.work.board import keeps_s
from tests.server.api import Api


def test_how_long_it_is_good_for() -> None:
    assert [keeps_s(shards) for shards in (0, 1000, 20_000, 100_000)] == [0, 0, 1, 5]


def test_a_small_server_tells_it_fresh(api: Api, pool: str) -> None:
    for done in range(3):
        assert api.status().pools[0].units_done == done
        api.finish(api.lease().leases[0])


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_large_one_reuses_it(api: Api, pool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    at = 1000.0
    monkeypatch.setattr(board, "FEW_SHARDS", 0)
    monkeypatch.setattr(board, "SHARDS_PER_S", 1)
    monkeypatch.setattr("server.work.board.monotonic", lambda: at)
    assert api.status().pools[0].units_done == 0
    api.finish(api.lease().leases[0])
    at += 1.9
    assert api.status().pools[0].units_done == 0
    at += 0.2
    assert api.status().pools[0].units_done == 1
