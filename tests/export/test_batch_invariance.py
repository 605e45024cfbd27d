"""A pair's score is its own: within 1e-6 the same whatever shares its batch, wherever in it it
stands and however far its caption is padded. An audit scores a pair in another company than the
device did.

Held for every kind of weights, in the native engine; tests/e2e/test_batch_invariance.py has the
tab's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

import pytest
from dva_agent.bundle import MANIFEST, decode_manifest
from dva_agent.engine import Pixels
from dva_agent.native.engine import NativeEngine
from dva_agent.native.reader import Array
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from export.reference import Inputs
from export.weights import Kind
from tests.dva_agent.local import Files
from tests.export.conftest import Made
from tests.export.inputs import inputs_for

DEMO = Path(__file__).parents[2] / "static" / "models" / "demo-q8"
LARGEST_CHANGE = 1e-6
PAIRS = 12
MOST = 17
"""Pairs in a batch: past the 16 that the native engine likes best."""
KINDS: tuple[Kind, ...] = get_args(Kind)
CASES = [("demo", "q8"), ("resnet", "fp32"), ("resnet", "q8"), *(("vit", kind) for kind in KINDS)]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A bundle in the native engine, and what each of some pairs scores by itself."""

    engine: NativeEngine
    inputs: Inputs
    ends: Sequence[int]
    """The length of each caption up to its first end of text."""
    alone: list[float]

    @classmethod
    def of(cls, folder: Path) -> Subject:
        manifest = decode_manifest((folder / MANIFEST).read_bytes())
        inputs, ends = inputs_for(manifest, count=PAIRS, seed=1)
        # All black and all white, which a scale shared by a batch would tell from noise.
        inputs.pixels[0], inputs.pixels[1] = 0, 255
        engine = NativeEngine(manifest=manifest, folder=folder, source=Files(folder))
        alone = [score(engine, inputs, [row], length=end)[0] for row, end in enumerate(ends)]
        return cls(engine=engine, inputs=inputs, ends=ends, alone=alone)

    def change(self, rows: Sequence[int], length: int) -> float:
        """How much the score of one of the pairs changes at most if they share a batch."""
        together = score(self.engine, self.inputs, rows, length=length)
        return max(abs(there - self.alone[row]) for there, row in zip(together, rows, strict=True))


def score(engine: NativeEngine, inputs: Inputs, rows: Sequence[int], *, length: int) -> list[float]:
    """Of one batch, its captions cut or padded to `length` tokens."""

    async def run() -> list[float]:
        images = await engine.encode_images(cast(Pixels, Array(data=inputs.pixels[list(rows)])))
        texts = await engine.encode_texts(inputs.ids[list(rows), :length].tolist())
        return await engine.similarity(images, [texts], range(len(rows)))

    # In a thread of its own: where browser tests ran before, this one has Playwright's loop.
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(asyncio.run, run()).result()


@pytest.fixture(scope="module")
def subject(make_bundle: Callable[[str, Kind], Made]) -> Callable[[str, Kind], Subject]:
    """Opened once for all examples."""
    opened: dict[tuple[str, Kind], Subject] = {}

    def make(network: str, kind: Kind) -> Subject:
        if (network, kind) not in opened:
            folder = DEMO if network == "demo" else make_bundle(network, kind).folder
            opened[network, kind] = Subject.of(folder)
        return opened[network, kind]

    return make


@pytest.mark.parametrize(("network", "kind"), CASES)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(st.integers(0, PAIRS - 1), min_size=1, max_size=MOST), data=st.data())
def test_a_score_depends_on_nothing_but_its_pair(
    network: str,
    kind: Kind,
    rows: list[int],
    data: st.DataObject,
    subject: Callable[[str, Kind], Subject],
) -> None:
    """Any company, place and padding; a pair may be in a batch twice."""
    these = subject(network, kind)
    shortest = max(these.ends[row] for row in rows)
    length = data.draw(st.integers(shortest, these.inputs.ids.shape[1]), label="length")
    assert these.change(rows, length) <= LARGEST_CHANGE
