from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from dva_agent.agents.base import Outcome, Unit
from dva_agent.agents.dva import DvaAgent
from dva_agent.bundle import Manifest
from dva_agent.engine import Embeddings
from dva_agent.errors import EngineError, NumericFault
from dva_agent.events import Seen
from dva_agent.model import load_model
from dva_agent.protocol import PairStatus
from dva_agent.reading import MAX_CAPTION_BYTES

from tests.dva_agent.local import LocalEngine
from tests.dva_agent.shards import Pair, unit
from tests.dva_agent.unlike import unsupported
from tests.e2e.pictures import encoded, scene

PICTURE = encoded(scene(80, 60, 1), "JPEG")
LARGE = encoded(scene(64, 1, 1).resize((16_400, 1)), "PNG")

CASES: list[tuple[Pair, PairStatus]] = [
    ((PICTURE, b"a red apple"), PairStatus.SCORED),
    ((None, b"no image"), PairStatus.IMAGE_MISSING),
    ((None, None), PairStatus.IMAGE_MISSING),
    ((b"", b"empty image"), PairStatus.IMAGE_BROKEN),
    ((PICTURE[:-40], b"half an image"), PairStatus.IMAGE_BROKEN),
    ((PICTURE[:-40], b"   "), PairStatus.IMAGE_BROKEN),
    ((PICTURE[:-40], None), PairStatus.IMAGE_BROKEN),
    ((b"<html>404</html>" * 9, b"a page"), PairStatus.IMAGE_BROKEN),
    ((unsupported()[0][1], b"cmyk"), PairStatus.IMAGE_UNSUPPORTED),
    ((unsupported()[0][1], b""), PairStatus.IMAGE_UNSUPPORTED),
    ((LARGE, b"a long strip"), PairStatus.IMAGE_TOO_LARGE),
    ((PICTURE, None), PairStatus.CAPTION_MISSING),
    ((PICTURE, b""), PairStatus.CAPTION_EMPTY),
    ((PICTURE, " \u3000&nbsp;\ufeff".encode()), PairStatus.CAPTION_EMPTY),
    ((PICTURE, b"a" * (MAX_CAPTION_BYTES + 1)), PairStatus.CAPTION_TOO_LARGE),
    ((PICTURE, b"not \xff\xfe utf-8"), PairStatus.SCORED),
    ((PICTURE, b"!" * MAX_CAPTION_BYTES), PairStatus.SCORED),
    ((encoded(scene(31, 300, 2), "PNG"), "voilÃ  &amp; “quoted”".encode()), PairStatus.SCORED),
]


class Watched:
    """Keeps what a page would show."""

    def __init__(self) -> None:
        self.batches: list[list[Seen]] = []

    async def __call__(self, pairs: Sequence[Seen]) -> None:
        self.batches.append(list(pairs))

    @property
    def pairs(self) -> list[Seen]:
        return [pair for batch in self.batches for pair in batch]


class Counting(LocalEngine):
    """Knows which handles were given out and not released."""

    def __init__(self, folder: Path, manifest: Manifest, *, batch_size: int = 16) -> None:
        super().__init__(folder, manifest, batch_size=batch_size)
        self.out: set[int] = set()
        self.kept: list[object] = []

    def note(self, handle: Any) -> Any:
        self.out.add(id(handle))
        self.kept.append(handle)  # so that ids stay unique
        return handle

    async def fetch(self, url: str, span: Any = None) -> Any:
        return self.note(await super().fetch(url, span))

    async def pixels(self, blob: Any, spans: Any) -> Any:
        pixels, statuses = await super().pixels(blob, spans)
        return self.note(pixels), statuses

    async def encode_images(self, pixels: Any) -> Any:
        return self.note(await super().encode_images(pixels))

    async def encode_texts(self, ids: Any) -> Any:
        return self.note(await super().encode_texts(ids))

    def release(self, *handles: Any) -> None:
        super().release(*handles)
        self.out -= {id(handle) for handle in handles}


def run(
    engine: LocalEngine, manifest: Manifest, pairs: Sequence[Pair], agent: Any = None
) -> tuple[Outcome, Watched]:
    lease, body = unit(pairs, manifest)
    watched = Watched()

    async def go() -> Outcome:
        model = await load_model(engine, manifest, "local:")
        engine.files.memory["shard"] = body
        blob = await engine.fetch("local:shard")
        try:
            whole = Unit(lease=lease, blob=blob, model=model, turn=asyncio.Lock())
            outcome = await (agent or DvaAgent()).run(whole, engine, watched)
        finally:
            engine.release(blob)
        return cast(Outcome, outcome)

    return asyncio.run(go()), watched


@pytest.mark.parametrize("batch_size", [1, 3, 16, 100])
def test_every_status_has_its_cause(demo_bundle: Path, manifest: Manifest, batch_size: int) -> None:
    engine = Counting(demo_bundle, manifest, batch_size=batch_size)
    outcome, watched = run(engine, manifest, [pair for pair, _ in CASES])
    assert [pair.status for pair in outcome.pairs] == [status for _, status in CASES]
    assert all(len(pair.values) == (pair.status == 0) for pair in outcome.pairs)
    assert engine.out == set()
    assert [pair.index for pair in watched.pairs] == list(range(len(CASES)))
    for seen, pair in zip(watched.pairs, outcome.pairs, strict=True):
        assert seen.status == pair.status
        assert seen.values == list(pair.values)
        assert seen.score == (None if pair.status else pair.values[0])


def test_a_picture_that_is_too_large_is_not_shown(demo_bundle: Path, manifest: Manifest) -> None:
    pairs: list[Pair] = [(PICTURE, b"a red apple"), (LARGE, b"a long strip")]
    _, watched = run(LocalEngine(demo_bundle, manifest), manifest, pairs)
    assert [pair.image is None for pair in watched.pairs] == [False, True]


def test_scores_do_not_depend_on_batches(demo_bundle: Path, manifest: Manifest) -> None:
    pairs: list[Pair] = [
        (encoded(scene(40 + 7 * i, 90 - 3 * i, i), "JPEG"), f"caption {i} ".encode() * (i % 5 + 1))
        for i in range(20)
    ]
    alone = run(LocalEngine(demo_bundle, manifest, batch_size=1), manifest, pairs)[0]
    together = run(LocalEngine(demo_bundle, manifest, batch_size=20), manifest, pairs)[0]
    differences = [
        abs(a.values[0] - b.values[0]) for a, b in zip(alone.pairs, together.pairs, strict=True)
    ]
    assert max(differences) <= 1e-6
    assert len({pair.values for pair in alone.pairs}) == 20


def test_a_unit_of_nothing_but_missing_pairs(demo_bundle: Path, manifest: Manifest) -> None:
    outcome, watched = run(LocalEngine(demo_bundle, manifest), manifest, [(None, b"x")] * 3)
    assert [pair.status for pair in outcome.pairs] == [PairStatus.IMAGE_MISSING] * 3
    assert len(watched.pairs) == 3


def test_a_unit_of_empty_captions(demo_bundle: Path, manifest: Manifest) -> None:
    outcome, _ = run(LocalEngine(demo_bundle, manifest), manifest, [(PICTURE, b" ")] * 3)
    assert [pair.status for pair in outcome.pairs] == [PairStatus.CAPTION_EMPTY] * 3


class Constant(Counting):
    async def similarity(self, images: Any, texts: Any, rows: Any) -> list[float]:
        return [0.25] * len(rows)


class Impossible(Counting):
    value = math.nan

    async def similarity(self, images: Any, texts: Any, rows: Any) -> list[float]:
        return [self.value] * len(rows)


class Failing(Counting):
    """Fails in the second batch of images."""

    calls = 0

    async def encode_images(self, pixels: Any) -> Embeddings:
        self.calls += 1
        if self.calls == 2:
            raise EngineError("out of order")
        return cast(Embeddings, await super().encode_images(pixels))


MANY: list[Pair] = [(PICTURE, f"caption {i}".encode()) for i in range(9)]


def test_one_score_for_different_pairs_is_a_fault(demo_bundle: Path, manifest: Manifest) -> None:
    with pytest.raises(NumericFault):
        run(Constant(demo_bundle, manifest), manifest, MANY)
    same: list[Pair] = [(PICTURE + bytes(padding), b"one caption") for padding in range(9)]
    assert run(Constant(demo_bundle, manifest), manifest, same)[0].pairs[0].values == (0.25,)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1.001, -1.001])
def test_impossible_scores_are_faults(demo_bundle: Path, manifest: Manifest, value: float) -> None:
    engine = Impossible(demo_bundle, manifest)
    engine.value = value
    with pytest.raises(NumericFault):
        run(engine, manifest, MANY)
    assert engine.out == set()


def test_rounding_past_one_is_clipped(demo_bundle: Path, manifest: Manifest) -> None:
    engine = Impossible(demo_bundle, manifest)
    engine.value = 1.0 + 5e-6
    assert run(engine, manifest, MANY[:3])[0].pairs[0].values == (1.0,)


def test_nothing_is_left_behind_by_a_failure(demo_bundle: Path, manifest: Manifest) -> None:
    engine = Failing(demo_bundle, manifest, batch_size=2)
    with pytest.raises(EngineError, match="out of order"):
        run(engine, manifest, MANY)
    assert engine.out == set()
