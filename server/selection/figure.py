"""A grade as a picture: how far apart right and wrong captions score, and what a cut keeps.

Drawn without pyplot, so nothing depends on a display or on what was drawn before. Grey on nothing,
so that it can lie on a light page and on a dark one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from server.errors import PoolError
from server.selection.grade import CUTS, RIGHT, Graded, measures, precision

FORMATS = (".svg", ".png", ".pdf")
BINS = 60
INK = "#7f8794"
RIGHT_COLOUR = "#1f9d6b"
WRONG_COLOURS = ("#d1495b", "#e07b39", "#c9a227", "#8661c1", "#4c7dba", "#7d8597")
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "svg.hashsalt": "dva",
}


def draw(pairs: Graded, file: Path) -> None:
    """Write the picture, in the format that the file's name ends in. Raises PoolError if that is
    none of FORMATS, or if nothing has been scored."""
    if file.suffix not in FORMATS:
        raise PoolError(
            f"{file.name} doesn't end in {', '.join(FORMATS)}.",
            code="figure_format",
            next_step=f"Try {file.stem}.svg",
        )
    if not len(pairs.scores):
        raise PoolError(
            f"No pair of {pairs.pool} has a score yet, so there is nothing to draw.",
            code="nothing_scored",
            next_step="Open the page and press Start, or run dva agent.",
        )
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(11, 4.2), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        _histogram(left, pairs)
        _precision(right, pairs)
        # Without a date in it, the same scores make the same file.
        metadata = (
            {}
            if file.suffix == ".png"
            else {"CreationDate" if file.suffix == ".pdf" else "Date": None}
        )
        figure.savefig(file, transparent=True, dpi=150, metadata=metadata)


def _histogram(axes: Any, pairs: Graded) -> None:
    """Right captions upwards, wrong ones below the line, stacked by what is wrong with them."""
    is_right = np.isin(pairs.kinds, sorted(RIGHT))
    edges = np.linspace(pairs.scores.min(), pairs.scores.max() + 1e-9, BINS + 1)
    wrong = sorted(set(pairs.kinds[~is_right].tolist()))
    counts = np.histogram(pairs.scores[is_right], edges)[0]
    axes.stairs(counts, edges, fill=True, color=RIGHT_COLOUR, label="right caption")
    base = np.zeros(BINS)
    for index, kind in enumerate(wrong):
        top = base - np.histogram(pairs.scores[pairs.kinds == kind], edges)[0]
        colour = WRONG_COLOURS[index % len(WRONG_COLOURS)]
        label = f"wrong: {kind.replace('_', ' ')}"
        axes.stairs(top, edges, baseline=base, fill=True, color=colour, label=label)
        base = top
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.yaxis.set_major_formatter(lambda value, _position: f"{abs(value):.0f}")
    axes.set_xlabel("score")
    axes.set_ylabel("pairs")
    area = measures(pairs.kinds, pairs.scores)["auc"]
    if area is not None:
        axes.set_title(f"Right captions score higher in {area:.1%} of all comparisons", fontsize=11)
    axes.legend(loc="upper left", fontsize=8)


def _precision(axes: Any, pairs: Graded) -> None:
    """The share of right captions among the best x percent, beside that of the whole pool."""
    is_right: npt.NDArray[np.bool_] = np.isin(pairs.kinds, sorted(RIGHT))
    percents = np.arange(1, 101)
    curve = [precision(pairs.scores, is_right, int(percent)) for percent in percents]
    axes.plot(percents, curve, color=RIGHT_COLOUR, linewidth=2)
    share = is_right.mean()
    axes.axhline(share, color=INK, linewidth=1, linestyle="--")
    axes.annotate(
        f"whole pool: {share:.0%} right",
        (1, share),
        (0, -12),
        textcoords="offset points",
        fontsize=9,
    )
    for cut in CUTS:
        kept = precision(pairs.scores, is_right, cut)
        assert kept is not None, "there are scores"
        axes.plot(cut, kept, "o", color=RIGHT_COLOUR)
        axes.annotate(
            f"best {cut}%: {kept:.0%} right",
            (cut, kept),
            (8, 4),
            textcoords="offset points",
            fontsize=9,
        )
    axes.set_xlim(0, 100)
    axes.set_ylim(min(0.4, float(share) - 0.05), 1.02)
    axes.yaxis.set_major_formatter(lambda value, _position: f"{value:.0%}")
    axes.set_xlabel("percent of the pool that is kept, best first")
    axes.set_title("What a cut keeps", fontsize=11)
