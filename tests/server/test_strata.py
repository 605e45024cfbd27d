"""A cut within strata: quotas that add up, and thresholds beside a plain sort of each stratum."""

from __future__ import annotations

import json
from collections import defaultdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.errors import SelectionError
from server.selection import certificate, strata
from server.selection.certificate import Certificate
from server.selection.cut import Cut
from server.selection.cutting import Per, Terms, select_tables
from server.selection.filters import Filters
from server.selection.sorting import Members, Sorter
from server.selection.strata import Places, apportion, falling
from server.selection.verify import verify
from tests.server.test_select_filters import members, uid


@settings(deadline=None)
@given(sizes=st.lists(st.integers(1, 10**9), min_size=1, max_size=30), data=st.data())
def test_quotas_add_up_and_are_in_proportion(sizes: list[int], data: st.DataObject) -> None:
    total = data.draw(st.integers(1, sum(sizes)))
    quotas = apportion(total, sizes)
    assert sum(quotas) == total
    for quota, size in zip(quotas, sizes, strict=True):
        due = Fraction(total * size, sum(sizes))
        assert quota <= size
        assert abs(quota - due) < 1
        assert due.denominator > 1 or quota == due


FINITE = st.floats(-1, 1).map(lambda score: score + 0.0)


@settings(deadline=None)
@given(st.lists(FINITE, max_size=40))
def test_the_order_falls(scores: list[float]) -> None:
    order = np.argsort(falling(np.array(scores, np.float64)), kind="stable")
    assert [scores[index] for index in order] == sorted(scores, reverse=True)


@settings(deadline=None, max_examples=50)
@given(
    groups=st.lists(
        st.lists(st.sampled_from([-1.0, 0.0, 0.1, 0.2]), min_size=1, max_size=9),
        min_size=1,
        max_size=4,
    ),
    run=st.integers(1, 6),
    data=st.data(),
)
def test_places_are_found_block_by_block(
    tmp_path_factory: pytest.TempPathFactory,
    groups: list[list[float]],
    run: int,
    data: st.DataObject,
) -> None:
    quotas = [data.draw(st.integers(0, len(scores))) for scores in groups]
    sorter = Sorter(tmp_path_factory.mktemp("runs"), run=run)
    rows = [(number, score) for number, scores in enumerate(groups) for score in scores]
    for number, score in data.draw(st.permutations(rows)):
        one = np.array([score])
        sorter.add(Members(np.array([number], np.uint64), falling(one), one))
    places = Places(quotas)
    for block in sorter:
        places.add(block)
    for number, (quota, scores) in enumerate(zip(quotas, groups, strict=True)):
        if not quota:
            assert (places.members[number], places.at_threshold[number]) == (0, 0)
            assert np.isnan(places.threshold[number])
            continue
        threshold = sorted(scores, reverse=True)[quota - 1]
        assert places.threshold[number] == threshold
        assert places.members[number] == sum(score >= threshold for score in scores)
        assert places.at_threshold[number] == scores.count(threshold)


HOSTS = ["a.example", "b.example", "c.example", None]


def written(folder: Path) -> tuple[Path, list[tuple[str, float, str | None, str]]]:
    """Files of other sizes, hosts of other kinds: rows of uid, score, host, shard."""
    folder.mkdir()
    random = np.random.default_rng(3)
    rows: list[tuple[str, float, str | None, str]] = []
    for shard, count in (("00000", 500), ("00001", 3), ("00002", 97)):
        part = []
        for _ in range(count):
            number = int(random.integers(0, 4)) if count > 3 else 1
            score = float(np.float32(random.integers(0, 20) / 20 - number / 10))
            part.append((uid(len(rows) + len(part)), score, HOSTS[number], shard))
        table = {
            "uid": [row[0] for row in part],
            "score": pa.array([row[1] for row in part], pa.float32()),
            "url": [None if row[2] is None else f"https://{row[2]}:8/x?y=1" for row in part],
        }
        pq.write_table(pa.table(table), folder / f"{shard}.parquet")
        rows += part
    return folder, rows


@pytest.mark.parametrize("per", ["shard", "host"])
def test_each_stratum_is_cut_by_itself(tmp_path: Path, per: Per) -> None:
    scores, rows = written(tmp_path / "scores")
    out = tmp_path / "out"
    done = select_tables(
        scores, cut=Cut(rule="top", value=0.1), out=out, terms=Terms(state="all", per=per)
    )
    assert done.threshold is None
    groups: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for row_uid, score, host, shard in rows:
        groups[shard if per == "shard" else host or ""].append((row_uid, score))
    names = sorted(groups)
    quotas = apportion(61, [len(groups[name]) for name in names])
    expected = set()
    for name, quota in zip(names, quotas, strict=True):
        if quota:
            threshold = sorted((score for _, score in groups[name]), reverse=True)[quota - 1]
            expected |= {each for each in groups[name] if each[1] >= threshold}
    assert members(out) == expected
    claim = certificate.decode(out)
    assert [(each.name, each.quota) for each in claim.strata] == list(
        zip(names, quotas, strict=True)
    )
    assert claim.counts.members == len(expected) == done.members
    assert sum(quotas) == 61, "as many as without strata"
    assert verify(out, scores=scores).cut_again


def test_duplicates_count_in_the_stratum_of_the_best(tmp_path: Path) -> None:
    (tmp_path / "scores").mkdir()
    twice = pa.table({"uid": [uid(1), uid(2)], "score": [0.5, 0.1]})
    once = pa.table({"uid": [uid(1), uid(2), uid(3)], "score": [0.5, 0.2, 0.0]})
    pq.write_table(twice, tmp_path / "scores" / "0.parquet")
    pq.write_table(once, tmp_path / "scores" / "1.parquet")
    terms = Terms(state="all", per="shard", filters=Filters(distinct=True))
    out = tmp_path / "out"
    select_tables(tmp_path / "scores", cut=Cut(rule="top", value=1), out=out, terms=terms)
    said = {each.name: each.eligible for each in certificate.decode(out).strata}
    assert said == {"0": 1, "1": 2}, "a tie goes to the stratum whose name sorts first"
    assert verify(out, scores=tmp_path / "scores").cut_again


LIES: list[dict[str, Any]] = [
    {"quota": 50},
    {"eligible": 499},
    {"threshold": 0.0},
    {"threshold": None},
    {"members": 51, "at_threshold": 1},
    {"name": "00009"},
]


def test_a_certificate_that_lies_about_a_stratum(tmp_path: Path) -> None:
    scores, _ = written(tmp_path / "scores")
    terms = Terms(state="all", per="shard")
    out = tmp_path / "out"
    select_tables(scores, cut=Cut(rule="top", value=0.1), out=out, terms=terms)
    honest = (out / certificate.NAME).read_bytes()
    for lie in LIES:
        claim = json.loads(honest)
        claim["strata"][0] |= lie
        forged = certificate.encode(msgspec.convert(claim, Certificate))
        (out / certificate.NAME).write_bytes(forged)
        with pytest.raises(SelectionError):
            verify(out, scores=scores)


def test_too_many_strata_and_a_threshold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores, _ = written(tmp_path / "scores")
    terms = Terms(state="all", per="host")
    with pytest.raises(SelectionError, match="the same in every stratum"):
        select_tables(
            scores, cut=Cut(rule="threshold", value=0.1), out=tmp_path / "out", terms=terms
        )
    monkeypatch.setattr(strata, "MAX_STRATA", 2)
    with pytest.raises(SelectionError) as caught:
        select_tables(scores, cut=Cut(rule="top", value=0.1), out=tmp_path / "out", terms=terms)
    assert caught.value.code == "strata_too_many"
