from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import pytest
from dva_agent.bundle import Manifest
from dva_agent.engine import Embeddings, Pixels
from dva_agent.errors import BundleError, NumericFault, SelfTestFailed
from dva_agent.model import load_model
from dva_agent.selftest import SelfTestReport, fetch_golden, self_test

from tests.dva_agent.local import LocalEngine

Change = Callable[[np.ndarray], np.ndarray]


class Bent(LocalEngine):
    """An engine whose arithmetic goes wrong in one place."""

    images: Change | None = None
    texts: Change | None = None
    drawn: Change | None = None

    async def encode_images(self, pixels: Pixels) -> Embeddings:
        return cast(Embeddings, self._bend(await super().encode_images(pixels), self.images))

    async def encode_texts(self, ids: Sequence[Sequence[int]]) -> Embeddings:
        return cast(Embeddings, self._bend(await super().encode_texts(ids), self.texts))

    async def pixels(self, blob: Any, spans: Any) -> Any:
        pixels, statuses = await super().pixels(blob, spans)
        return self._bend(cast(Any, pixels), self.drawn), statuses

    @staticmethod
    def _bend(handle: Any, change: Change | None) -> Any:
        if change:
            handle.data = change(handle.data)
        return handle


async def passing(engine: LocalEngine, manifest: Manifest) -> SelfTestReport:
    model = await load_model(engine, manifest, "local:")
    return await self_test(engine, model, await fetch_golden(engine, model))


def only_first_row_right(rows: np.ndarray) -> np.ndarray:
    rows = rows.copy()
    rows[1:] = np.roll(rows[1:], 1, axis=1)
    return rows


def slightly_turned(rows: np.ndarray) -> np.ndarray:
    rows = rows + np.float32(0.002)
    turned: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return turned.astype(np.float32)


def one_off(pixels: np.ndarray) -> np.ndarray:
    pixels = pixels.copy()
    pixels[-1, 1, 5, 5] ^= 1
    return pixels


@pytest.mark.parametrize("batch_size", [1, 16, 33])
def test_the_native_engine_passes(demo_bundle: Path, manifest: Manifest, batch_size: int) -> None:
    engine = LocalEngine(demo_bundle, manifest, batch_size=batch_size)
    report = asyncio.run(passing(engine, manifest))
    assert report.pairs >= 32
    assert report.score_difference <= manifest.rung("native").tolerance.score
    assert report.embedding_difference <= manifest.rung("native").tolerance.embedding


@pytest.mark.parametrize(
    ("where", "change", "named"),
    [
        ("images", only_first_row_right, "image embedding"),
        ("images", slightly_turned, "image embedding"),
        ("texts", slightly_turned, "text embedding"),
        ("drawn", one_off, "pixels"),
    ],
)
def test_wrong_numbers_are_named(
    demo_bundle: Path, manifest: Manifest, where: str, change: Change, named: str
) -> None:
    engine = Bent(demo_bundle, manifest)
    setattr(engine, where, change)
    with pytest.raises(SelfTestFailed, match=named):
        asyncio.run(passing(engine, manifest))


def test_a_tokenizer_of_other_merges_is_found(demo_bundle: Path, manifest: Manifest) -> None:
    engine = LocalEngine(demo_bundle, manifest)

    async def run() -> None:
        model = await load_model(engine, manifest, "local:")
        golden = await fetch_golden(engine, model)
        golden.pairs[0] = msgspec.structs.replace(golden.pairs[0], ids=[*golden.pairs[1].ids])
        await self_test(engine, model, golden)

    with pytest.raises(SelfTestFailed, match="tokenized"):
        asyncio.run(run())


def test_a_changed_file_is_not_believed(demo_bundle: Path, manifest: Manifest) -> None:
    engine = LocalEngine(demo_bundle, manifest)
    path = manifest.golden_path
    body = (demo_bundle / path).read_bytes()
    engine.files.memory[path] = body[:-2] + b" " + body[-1:]
    with pytest.raises(BundleError, match=r"golden\.json"):
        asyncio.run(passing(engine, manifest))


def test_norms_are_checked() -> None:
    from dva_agent.native.engine import _checked

    for bad in ([np.nan, 0.0], [0.0, 0.0], [1.1, 0.0], [np.inf, 0.0]):
        with pytest.raises(NumericFault):
            _checked(np.array([[1.0, 0.0], bad], dtype=np.float32))
