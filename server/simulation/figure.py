"""How much of what is made up gets confirmed, as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import matplotlib
from matplotlib.figure import Figure

from server.pools.tolerance import LUCK
from server.selection.figure import INK, RIGHT_COLOUR, STYLE, WRONG_COLOURS
from server.simulation.detection import Manner
from server.trust.policy import CONFIRMING_PAIRS

LEAST = 1e-4
"""Where the axis ends: fewer than that were confirmed."""


def draw_detection(confirmed: Mapping[tuple[Manner, float], float], file: Path) -> None:
    """`confirmed`: of the results with made-up scores, by manner and share made up."""
    colours = dict(
        zip(get_args(Manner), (WRONG_COLOURS[0], WRONG_COLOURS[4], WRONG_COLOURS[2]), strict=True)
    )
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        curve = [share / 1000 for share in range(5, 1001)]
        axes.plot(
            curve,
            [max((1 - share * (1 - LUCK)) ** CONFIRMING_PAIRS, LEAST) for share in curve],
            color=INK,
            linewidth=1,
            label=f"of {CONFIRMING_PAIRS} pairs looked at, none is seen",
        )
        for manner, colour in colours.items():
            points = [(share, value) for (how, share), value in confirmed.items() if how == manner]
            axes.plot(
                [share for share, _ in points],
                [max(value, LEAST) for _, value in points],
                "o",
                color=colour,
                label=manner,
            )
        axes.plot([0.05, 0.1], [0.05, 0.01], "_", color=RIGHT_COLOUR, markersize=18, label="bars")
        axes.set(xscale="log", yscale="log", ylim=(LEAST * 0.8, 1.1))
        axes.set_xticks([0.01, 0.02, 0.05, 0.1, 0.5, 1], ["1%", "2%", "5%", "10%", "50%", "100%"])
        axes.set_yticks([1, 0.1, 0.01, 0.001, LEAST], ["100%", "10%", "1%", "0.1%", "≤0.01%"])
        axes.minorticks_off()
        axes.set_xlabel("share of pairs made up")
        axes.set_ylabel("of the results concerned, confirmed")
        axes.legend()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
