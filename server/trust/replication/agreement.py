"""Whether two results of a unit agree: judged as an audit judges, over all of their pairs."""

from __future__ import annotations

from dva_agent.agents.base import DataAgent
from dva_agent.bundle import Manifest
from dva_agent.protocol import PairStatus

from server.pools.tolerance import REJECT_FACTOR, Tolerance
from server.results.services import Result
from server.trust import verdicts


def tolerance_between(manifest: Manifest, one: str, other: str) -> Tolerance:
    """How far apart honest scores of these two rungs may be: each may be off the true score by what
    its rung is allowed. A rung is only what a device says, but there is none wider than the
    bundle's widest; an unknown one has that."""
    widest = max(spec.tolerance.score for spec in manifest.rungs.values())
    rungs: dict[str, float] = {name: spec.tolerance.score for name, spec in manifest.rungs.items()}
    accept = rungs.get(one, widest) + rungs.get(other, widest)
    return Tolerance(accept=accept, reject=REJECT_FACTOR * accept, bias=accept / 2)


def agree(agent: DataAgent, manifest: Manifest, one: Result, other: Result) -> bool:
    """Where a few pairs are too close to call there are no further ones to look at: all are looked
    at. What was withheld from either isn't compared."""
    withheld = PairStatus.WITHHELD
    places = [
        place
        for place, statuses in enumerate(zip(one.statuses, other.statuses, strict=True))
        if withheld not in statuses
    ]
    verdict = verdicts.judge(
        agent,
        manifest,
        tolerance_between(manifest, one.rung, other.rung),
        verdicts.outcomes(one.scores, one.statuses, places),
        verdicts.outcomes(other.scores, other.statuses, places),
    )
    return verdict.kind != "failed"
