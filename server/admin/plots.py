"""The overview's charts: which there are, and how each is drawn without a script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from server.admin.chart import Chart, chart, round_up
from server.history.services import Series

Values = Sequence[float | None]


@dataclass(frozen=True, kw_only=True)
class Line:
    key: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Plot:
    """One line or two on one scale."""

    title: str
    lines: tuple[Line, ...]

    @property
    def key(self) -> str:
        return self.lines[0].key


PLOTS = (
    Plot(title="Pairs a second", lines=(Line(key="pairs_per_s", label="Pairs a second"),)),
    Plot(title="Results", lines=(Line(key="results", label="Results"),)),
    Plot(title="Leases held", lines=(Line(key="leases", label="Leases"),)),
    Plot(
        title="Pairs waiting for an audit",
        lines=(Line(key="backlog_pairs", label="Pairs waiting"),),
    ),
    Plot(
        title="Devices and contributors",
        lines=(
            Line(key="devices", label="Devices"),
            Line(key="contributors", label="Contributors"),
        ),
    ),
    Plot(
        title="Answers refused and failed",
        lines=(Line(key="refused", label="Refused"), Line(key="failed", label="Failed")),
    ),
)
LINES = tuple(line for plot in PLOTS for line in plot.lines)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    plot: Plot
    bars: Sequence[Chart]
    """One for each of its lines, on one scale. What nobody looked at has no bar."""
    top: int
    latest: str


def values(series: Series, at: datetime) -> Mapping[str, Values]:
    """By the lines' keys, a value for each period; None where nobody looked."""
    return {
        "pairs_per_s": [round(value, 4) for value in series.pairs_per_s(at)],
        "results": series.results,
        "leases": series.leases,
        "backlog_pairs": series.backlog_pairs,
        "devices": series.devices,
        "contributors": series.contributors,
        "refused": series.refused,
        "failed": series.failed,
    }


def drawn(found: Mapping[str, Values]) -> list[Drawn]:
    plots = []
    for plot in PLOTS:
        lines = [[value or 0 for value in found[line.key]] for line in plot.lines]
        top = round_up(max((max(line, default=0) for line in lines), default=0))
        plots.append(
            Drawn(
                plot=plot,
                bars=[
                    _beside(chart(line, top=top)) if number else chart(line, top=top)
                    for number, line in enumerate(lines)
                ],
                top=top,
                latest=", ".join(_latest(line, found[line.key]) for line in plot.lines),
            )
        )
    return plots


def _beside(second: Chart) -> Chart:
    """Half as wide, so that the first line's bars are seen behind them."""
    bars = [replace(bar, x=bar.x + bar.width / 2, width=bar.width / 2) for bar in second.bars]
    return replace(second, bars=bars)


def said(value: float | None) -> str:
    """For a cell: a number, or a dash where nobody looked."""
    if value is None:
        return "\N{EN DASH}"
    return f"{value:.2g}" if 0 < value < 1 else f"{value:,.1f}".removesuffix(".0")


def _latest(line: Line, found: Values) -> str:
    known = [value for value in found if value is not None]
    return f"{line.label}: {said(known[-1]) if known else 'not known'}"
