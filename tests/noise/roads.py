"""Three roads from pairs to scores: the whole tab, a bundle's graphs alone in a browser, and other
ways to run native fp32. Each gives the scores and a word on what made them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from dva_agent.bundle import Tower
from dva_agent.protocol import Rung

from tests.e2e.serving import ingest, scores, serving
from tests.export.ort_page import ort_site, run
from tests.noise.browsers import BrowserName, facts, opened
from tests.noise.sample import Sample, Scores, uid_of

Made = tuple[Scores, dict[str, Any]]
"""The scores, and how they were made."""

UNIT_PAIRS = 32
"""Little enough that a slow engine that is stopped leaves most of what it did."""
LOOKS_EVERY_S = 1.0
AT_ONCE = 8

START = """async () => {
  const found = async (find) => {
    for (;;) {
      const it = find();
      if (it) return it;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const button = (name) => () => [...document.querySelectorAll('button')].find((it) =>
    it.textContent.trim() === name && !it.disabled && it.checkVisibility());
  (await found(button('Start'))).click();
  (await found(button('I agree and start'))).click();
}"""
STANDS = """() => [
  document.querySelector('dva-controls .phase')?.dataset.phase ?? '',
  document.querySelector('dva-notices')?.textContent ?? '',
]"""


class RoadEnded(Exception):
    """An engine failed before it had scored a unit."""


def by_tab(sample: Sample, rung: Rung, browser: BrowserName, scratch: Path, seconds: float) -> Made:
    """By a tab at work on a server's pool, from encoded picture and caption to the stored score;
    what it has done after so many seconds. Raises RoadEnded if that is nothing."""
    data = scratch / "data"
    data.mkdir()
    ingest(sample.folder, sample.bundle, data, unit_pairs=UNIT_PAIRS)
    with serving(data) as origin, opened(browser, scratch / "profile") as page:
        page.goto(f"{origin}/?rung={rung}&until=drained&power=full")
        how = facts(page)
        page.evaluate(START)
        deadline = time.monotonic() + seconds
        phase = notices = ""
        while phase not in ("drained", "failed") and time.monotonic() < deadline:
            time.sleep(LOOKS_EVERY_S)
            phase, notices = page.evaluate(STANDS)
    rows = scores(data, data / "scores")
    found = {uid: row["score"] for uid, row in rows.items() if row["status"] == "scored"}
    if not found:
        raise RoadEnded(f"Nothing was scored: {phase or 'no page'} {notices}")
    if {row["rung"] for row in rows.values()} != {rung}:
        raise RoadEnded(f"Not on {rung}: {notices}")
    return found, {"road": "whole tab", **how}


def by_graphs(sample: Sample, rung: Rung, browser: BrowserName, scratch: Path) -> Made:
    """By a bundle's two graphs in a page, on native's pixels and tokens. A batch is a call: a
    software adapter may need minutes for one of ViT-B/32, and Firefox answers no longer ones."""
    provider = "wasm" if rung == "wasm" else "webgpu"
    spec = sample.manifest.rung(rung)
    with ort_site(sample.bundle) as address, opened(browser, scratch / "profile") as page:
        page.goto(address)

        def encode(tower: Tower, name: str, rows: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
            files = {path: path for path in tower.data_paths}
            parts = []
            for at in range(0, len(rows), AT_ONCE):
                batch = {name: rows[at : at + AT_ONCE]}
                [ran] = run(page, provider, tower.path, batch, files=files)
                parts.append(ran.output)
            return np.concatenate(parts)

        images = encode(spec.image, "pixels", sample.pixels)
        texts = encode(spec.text, "ids", sample.ids)
        how = facts(page)
    products = (images.astype(np.float64) * texts.astype(np.float64)).sum(axis=1)
    return _by_uid(sample, products), {"road": "graphs alone", **how}


def by_native(sample: Sample, *, optimised: bool, at_once: int) -> Made:
    """By native fp32 again, in other company or by another plan."""
    towers = sample.manifest.rung("native")
    image, text = (
        _session(sample.bundle / tower.path, optimised) for tower in (towers.image, towers.text)
    )
    found = []
    for start in range(0, len(sample.pairs), at_once):
        rows = slice(start, start + at_once)
        (images,) = image.run(None, {"pixels": sample.pixels[rows]})
        (texts,) = text.run(None, {"ids": sample.ids[rows]})
        found.append((images.astype(np.float64) * texts.astype(np.float64)).sum(axis=1))
    return _by_uid(sample, np.concatenate(found)), {
        "road": "graphs alone",
        "optimised": optimised,
        "batch": at_once,
    }


def _session(path: Path, optimised: bool) -> ort.InferenceSession:
    options = ort.SessionOptions()
    level = ort.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimised else level.ORT_DISABLE_ALL
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _by_uid(sample: Sample, found: npt.NDArray[np.float64]) -> Scores:
    uids = (uid_of(pair) for pair in sample.pairs)
    return dict(zip(uids, found.tolist(), strict=True))
