"""fidelity.svg: errors, scores against scores, and what a cut keeps. Grey and green on nothing, so
that it can lie on a light page and on a dark one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from dva_agent.native.fidelity import Scores, overlap
from matplotlib.figure import Figure

ACCENT = "#0f766e"
INK = "#7f8794"  # legible on white and on black
BINS = 60
MOST_DOTS = 4000
STYLE: Any = {
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.hashsalt": "dva",
}


def draw(true: Scores, found: Scores, file: Path) -> None:
    """Of open_clip's scores and a bundle's, [N] each, of the same pairs."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(12, 3.6), layout="constrained")
        errors, scatter, cuts = figure.subplots(1, 3)
        _draw_errors(errors, true, found)
        _draw_scores(scatter, true, found)
        _draw_overlap(cuts, true, found)
        # Without a date in it, the same scores make the same file.
        figure.savefig(file, transparent=True, dpi=160, metadata={"Date": None})


def _draw_errors(axes: Any, true: Scores, found: Scores) -> None:
    axes.hist(found - true, bins=BINS, color=ACCENT)
    axes.set_yscale("log")
    axes.ticklabel_format(axis="x", style="sci", scilimits=(0, 0))
    axes.set_xlabel("error of a score")
    axes.set_ylabel("pairs")


def _draw_scores(axes: Any, true: Scores, found: Scores) -> None:
    step = max(1, len(true) // MOST_DOTS)
    low, high = true.min(), true.max()
    axes.plot([low, high], [low, high], color=INK, linewidth=0.8)
    dots = {"color": ACCENT, "markersize": 2, "rasterized": True}  # each would be a path
    axes.plot(true[::step], found[::step], ".", **dots)
    axes.set_xlabel("open_clip's score")
    axes.set_ylabel("the bundle's")


def _draw_overlap(axes: Any, true: Scores, found: Scores) -> None:
    fractions = np.linspace(0.01, 0.5, 50)
    kept = [overlap(true, found, fraction) for fraction in fractions]
    axes.plot(100 * fractions, kept, color=ACCENT)
    axes.set_xlabel("best percent, by open_clip's scores")
    axes.set_ylabel("share that the bundle keeps")
