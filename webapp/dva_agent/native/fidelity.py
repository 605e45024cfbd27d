"""How faithful a bundle's scores are to those of the network it was made from.

`export/build_onnx.py` measures it beside open_clip and puts three files into the bundle:
fidelity.json, a Fidelity; fidelity.f64, open_clip's scores, with which anybody can measure again
without torch; and fidelity.svg, for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from dva_agent.bundle import REFERENCE_RUNG, Manifest, Sha256
from dva_agent.errors import BundleError
from dva_agent.protocol import Rung

FIDELITY = "fidelity.json"
REFERENCE = "fidelity.f64"
PICTURE = "fidelity.svg"
FEWEST = 200
"""Pairs below which the top of a ranking is a handful, and its overlap chance."""
TOPS = (10, 15, 30)
"""Percent of the pairs that a cut keeps."""

Scores = npt.NDArray[np.float64]
"""[N], cosine similarities in [-1, 1]."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Of one rung. Errors are the rung's score minus open_clip's."""

    mean_error: float
    """Of absolute values, as the next two."""
    p99_error: float
    max_error: float
    bias: float
    """Mean of the signed errors."""
    pearson: float
    spearman: float
    overlap: dict[str, float]
    """Percent kept, such as "15" -> the share of the pairs which open_clip's scores would keep
    that the rung's scores keep too."""


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """What a kind of weights must reach; None where it needn't."""

    max_error: float | None = None
    spearman: float | None = None
    overlap_15: float | None = None

    def missed(self, found: Figures) -> list[str]:
        """A clause for each figure that falls short. NaN does."""
        clauses = []
        if self.max_error is not None and not found.max_error <= self.max_error:
            clauses.append(f"largest error {found.max_error:.2e}, bar {self.max_error:g}")
        if self.spearman is not None and not found.spearman >= self.spearman:
            clauses.append(f"Spearman {found.spearman:.5f}, bar {self.spearman:g}")
        overlap = found.overlap["15"]
        if self.overlap_15 is not None and not overlap >= self.overlap_15:
            clauses.append(f"overlap of the top 15% {overlap:.3f}, bar {self.overlap_15:g}")
        return clauses


class Fidelity(msgspec.Struct, frozen=True, kw_only=True):
    pairs: int
    skipped: int
    """Pairs that have no score: their picture is broken or of a kind that DVA doesn't take."""
    source: str
    """Where the pairs are from, for people."""
    pairs_sha256: Sha256
    """Of the scored pairs, in order: pair_scorer.Digest."""
    reference: str
    """Versions of open_clip and torch."""
    runtime: str
    """Version of onnxruntime."""
    score_spread: float
    """Standard deviation of open_clip's scores: what errors are to be seen against."""
    rungs: dict[Rung, Figures]
    """One rung of each pair of graphs, run by native onnxruntime: what a browser's GPU adds to that
    its self-test bounds."""
    apart: dict[Rung, float]
    """How far the score of each from the native rung's is at most."""
    bar: Bar
    """For the native rung."""
    missed: list[str]
    """What falls short of the bar, empty for a bundle that passes."""


def decode_fidelity(body: bytes, manifest: Manifest) -> Fidelity:
    """Raises BundleError if it is malformed or says of itself what its own figures deny."""
    try:
        found = msgspec.json.decode(body, type=Fidelity)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"{FIDELITY}: {error}") from error
    for path in (REFERENCE, PICTURE):
        manifest.file(path)
    native = found.rungs.get(REFERENCE_RUNG)
    known = found.apart.keys() <= found.rungs.keys() <= manifest.rungs.keys()
    if native is None or not known or found.missed != found.bar.missed(native):
        raise BundleError(f"{FIDELITY} doesn't say what its own figures say.")
    return found


def figures(true: Scores, found: Scores) -> Figures:
    """Compare two scores of the same pairs, N > 1."""
    error = found - true
    size = np.abs(error)
    return Figures(
        mean_error=rounded(size.mean()),
        p99_error=rounded(np.quantile(size, 0.99)),
        max_error=rounded(size.max()),
        bias=rounded(error.mean()),
        pearson=_share(np.corrcoef(true, found)[0, 1]),
        spearman=_share(np.corrcoef(_ranks(true), _ranks(found))[0, 1]),
        overlap={str(top): _share(overlap(true, found, top / 100)) for top in TOPS},
    )


def apart(found: Mapping[Rung, Scores]) -> dict[Rung, float]:
    """Largest differences of each other rung's scores from the native rung's."""
    native = found[REFERENCE_RUNG]
    return {
        rung: rounded(np.abs(scores - native).max())
        for rung, scores in found.items()
        if rung != REFERENCE_RUNG
    }


def overlap(true: Scores, found: Scores, fraction: float) -> float:
    """The share of the best `fraction` by one score that is also the best by the other; of equal
    scores the earlier pairs are taken. At least one pair is kept."""
    count = max(1, int(len(true) * fraction))
    best = [set(np.argsort(-each, kind="stable")[:count].tolist()) for each in (true, found)]
    return len(best[0] & best[1]) / count


def rounded(value: Any) -> float:
    """Four significant digits: further ones differ from machine to machine."""
    return float(f"{value:.4g}")


def _share(value: Any) -> float:
    return round(float(value), 6)


def _ranks(values: Scores) -> Scores:
    """From 0; equal values share the mean of their places."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(count)
    means: Scores = ends - (count + 1) / 2
    return means[place]
