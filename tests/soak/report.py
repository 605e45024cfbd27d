"""What a soak comes to: JSON for machines, a picture and a few lines for people."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from tests.soak.trend import Trend, Verdict, trend
from tests.soak.work import Losses

LIMITS_AN_HOUR = {
    "page_heap_mb": 1.0,
    "workers_heap_mb": 2.0,
    "elements": 50.0,
    "renderer_mb": 5.0,
    "gpu_mb": 5.0,
    "server_mb": 5.0,
    "auditor_mb": 5.0,
}
"""Growth that a tab left open for a day can bear. The browser's own process isn't ours."""
TOLERANCE = 1e-3
SHOWN = (
    "page_heap_mb",
    "workers_heap_mb",
    "renderer_mb",
    "gpu_mb",
    "server_mb",
    "auditor_mb",
    "browser_mb",
)

Sample = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Report:
    seconds: float
    samples: list[Sample]
    trends: dict[str, Trend]
    losses: Losses
    troubles: list[str]

    @property
    def verdicts(self) -> dict[str, Verdict]:
        return {name: self.trends[name].verdict(limit) for name, limit in LIMITS_AN_HOUR.items()}

    @property
    def is_whole(self) -> bool:
        """Nothing lost, nothing double, nothing else."""
        losses = self.losses
        wrong = (
            losses.units_without_result,
            losses.statuses_other,
            losses.leases_held,
            losses.rejected,
        )
        return losses.units > 0 and not any(wrong) and losses.furthest <= TOLERANCE

    @property
    def is_sound(self) -> bool:
        return self.is_whole and not self.troubles and "grows" not in self.verdicts.values()

    def lines(self) -> list[str]:
        losses = self.losses
        lines = [
            f"{self.seconds / 60:.0f} minutes: {losses.units:,} units, {losses.pairs:,} pairs,"
            f" {losses.pairs / self.seconds:.0f} pairs/s",
            f"lost: {losses.units_without_result} units; other statuses: {losses.statuses_other};"
            f" leases stuck: {losses.leases_held}; results rejected: {losses.rejected}",
            f"scores: at most {losses.furthest:.1e} from the native agent's;"
            f" {losses.turns_other} units with other bytes than in their first turn",
        ]
        for name, verdict in self.verdicts.items():
            found = self.trends[name]
            lines.append(
                f"{name:15} {verdict:10} {found.first:8.1f} -> {found.last:8.1f},"
                f" {found.slope:+.2f} an hour [{found.low:+.2f}, {found.high:+.2f}],"
                f" limit {LIMITS_AN_HOUR[name]:g}"
            )
        lines += [f"trouble: {trouble}" for trouble in self.troubles]
        lines.append("sound" if self.is_sound else "NOT sound")
        return lines

    def write(self, folder: Path) -> None:
        told = {
            "seconds": self.seconds,
            "sound": self.is_sound,
            "losses": asdict(self.losses),
            "verdicts": self.verdicts,
            "limits_an_hour": LIMITS_AN_HOUR,
            "trends": {name: asdict(found) for name, found in self.trends.items()},
            "troubles": self.troubles,
            "samples": self.samples,
        }
        (folder / "soak.json").write_text(json.dumps(told, indent=1) + "\n")
        draw(self.samples, folder / "soak.png")


def report(samples: list[Sample], losses: Losses, troubles: list[str]) -> Report:
    seconds = [sample["seconds"] for sample in samples]
    return Report(
        seconds=seconds[-1],
        samples=samples,
        trends={
            name: trend(seconds, [sample[name] for sample in samples]) for name in LIMITS_AN_HOUR
        },
        losses=losses,
        troubles=troubles,
    )


def draw(samples: list[Sample], path: Path) -> None:
    """One row a part of memory, each with its own scale from 0."""
    minutes = [sample["seconds"] / 60 for sample in samples]
    figure, rows = plt.subplots(len(SHOWN), sharex=True, figsize=(8, 9), layout="constrained")
    for row, name in zip(rows, SHOWN, strict=True):
        row.plot(minutes, [sample[name] for sample in samples], linewidth=1.2)
        row.set_ylim(bottom=0)
        row.set_title(name.removesuffix("_mb").replace("_", " ") + ", MB", loc="left", fontsize=9)
        row.grid(alpha=0.3)
    rows[-1].set_xlabel("minutes")
    figure.savefig(path, dpi=110)
    plt.close(figure)
