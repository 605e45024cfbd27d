"""What simulations say together: a table by kind of people, and the figures that have bars."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.simulation.people import BROKEN_SHARE, HOSTILE, HURT
from server.simulation.play import UNIT_PAIRS, Tally
from server.simulation.replicated import REPLICATED

MIXED = "mixed"
"""The world in which one in ten is hostile; all others hold one kind alone."""
HOSTILE_SHARE = 0.1
GUESSING = ("random", "caption_length", "constant", "mean_guessing", "copying", "sybil_100")
FAKED: Mapping[str, tuple[str, ...]] = {
    "5": ("lazy_5", "whole_5"),
    "10": (
        "lazy_10",
        "dropping_10",
        "whole_10",
        "sleeper_20",
        "sleeper_100",
        "sleeper_1000",
        "leaver",
        "sybil_10",
    ),
    "50": ("lazy_50",),
    "turned": ("sleeper_20", "sleeper_100", "sleeper_1000", "leaver"),
}
Worlds = Mapping[str, Mapping[str, Tally]]
"""Tallies by kind, by world."""
BARS: Mapping[str, tuple[float, str]] = {
    "heuristic_bot_credit": (0, "made-up results of guessing bots that are paid"),
    "faked_confirmed_share_50": (0.01, "results with half of the pairs made up: confirmed"),
    "faked_confirmed_share_10": (0.01, "with 10%, sleepers, leavers and Sybils among them"),
    "faked_confirmed_share_turned": (0.01, "sleepers and leavers alone"),
    "faked_confirmed_share_5": (0.05, "with 5%"),
    "false_among_confirmed": (0.001, "false pairs among confirmed, one in ten people hostile"),
    "honest_suspended": (0, "honest people who are suspended"),
    "honest_units_rejected": (0.0005, "honest results rejected"),
    "honest_units_never_confirmed": (0, "honest results never confirmed, a day after"),
    "recomputed_share_after_probation": (0.01, "pairs recomputed past probation"),
}
"""Of shares, the most that is wanted, and what they are in words."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """So many of so many; `upper95`: of the share, by Wilson's interval, two-sided."""

    count: int
    total: int

    @property
    def value(self) -> float:
        return self.count / self.total if self.total else 0.0

    @property
    def upper95(self) -> float:
        """1 where nothing was counted."""
        if not self.total:
            return 1.0
        z = 1.959964
        middle = self.value + z * z / (2 * self.total)
        half = z * math.sqrt(
            self.value * (1 - self.value) / self.total + z * z / (4 * self.total**2)
        )
        return min(1.0, (middle + half) / (1 + z * z / self.total))


def mixed_shares() -> dict[str, float]:
    """Of people, in the mixed world."""
    each = HOSTILE_SHARE / len(HOSTILE)
    return {"honest": 1 - HOSTILE_SHARE, **dict.fromkeys(HOSTILE, each)}


def broken_shares() -> dict[str, float]:
    """Of people, where a kind of device is broken."""
    return {"honest": 1 - BROKEN_SHARE, "broken_gpu_class": BROKEN_SHARE}


def added(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        for field in dataclasses.fields(Tally):
            value = getattr(total, field.name) + getattr(tally, field.name)
            setattr(total, field.name, value)
    return total


def figures(worlds: Worlds) -> dict[str, Any]:
    """The keys of `dva simulate --json`, of pools that are audited: point estimates as fractions
    (`honest_suspended`, `heuristic_bot_credit`: counts, of people and of pairs), each with its
    `_upper95`; and after how many results guessing bots are out, on average."""
    alone = _alone(worlds)
    shares = _shares(worlds)
    bots = _of(alone, GUESSING)
    suspended = shares.pop("honest_suspended")
    guessing = shares.pop("heuristic_bot_credit")
    found: dict[str, Any] = {
        "honest_suspended": suspended.count,
        "honest_suspended_upper95": suspended.upper95 * suspended.total,
        "heuristic_bot_credit": bots.pairs_confirmed,
        "heuristic_bot_credit_upper95": guessing.upper95,
        "heuristic_bot_units_until_caught": _until_caught(bots),
    }
    for name in HURT:
        # As `honest_suspended`, but for those who were restored.
        found[f"{name}_suspended"] = alone.get(name, Tally()).suspended
    for name, share in shares.items():
        found[name] = share.value
        found[f"{name}_upper95"] = share.upper95
    return found


def bars(worlds: Worlds) -> list[str]:
    """Lines of Markdown: what is wanted, and what was found, of all that was played."""
    lines = [
        "| figure | | bar | found | of | share | at most (95%) | |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    shares = _shares(worlds)
    for name, (limit, words) in BARS.items():
        share = shares[name]
        if not share.total:
            continue
        if share.upper95 <= limit:
            verdict = "met"
        elif not share.count:
            verdict = "none found"
        else:
            verdict = "too few to say" if share.value <= limit else "missed"
        lines.append(
            f"| `{name}` | {words} | {limit * 100:g}% | {share.count:,} | {share.total:,} "
            f"| {share.value:.4%} | {_at_most(share, 4)} | {verdict} |"
        )
    return lines


def replicated_figures(worlds: Worlds) -> dict[str, float]:
    """The keys of `dva simulate --policy replication --json`, for each of its worlds: which share
    of what was made up was confirmed, and of what was honest outvoted; results that were paid for
    each unit; each but the last with its `_upper95`."""
    found = {}
    for name, tallies in worlds.items():
        if name not in REPLICATED:
            continue
        honest = tallies["honest"]
        others = added(tally for kind, tally in tallies.items() if kind != "honest")
        everyone = added(tallies.values())
        shares = {
            "made_up_confirmed_share": Share(count=others.made_up_confirmed, total=others.made_up),
            "honest_outvoted_share": Share(count=honest.rejected, total=honest.posted),
        }
        for key, share in shares.items():
            found[f"{name}_{key}"] = share.value
            found[f"{name}_{key}_upper95"] = share.upper95
        found[f"{name}_paid_per_unit"] = everyone.confirmed / max(everyone.units, 1)
    return found


def rows(worlds: Worlds) -> list[dict[str, Any]]:
    """A row for each kind in each world."""
    return [
        {"world": world, "kind": kind, **dataclasses.asdict(tally)}
        for world, tallies in worlds.items()
        for kind, tally in tallies.items()
    ]


def table(worlds: Worlds) -> list[str]:
    """Lines of Markdown. Who has nobody in a world isn't in it; the hostile ones of the mixed world
    are together."""
    lines = [
        "| world | kind | people | results | made up | until caught | of them confirmed (95%) "
        "| false pairs | pairs paid for nothing | hurt | recomputed |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for world, tallies in worlds.items():
        shown = dict(tallies)
        if world == MIXED:
            gone = [shown.pop(kind) for kind in HOSTILE if kind in shown]
            shown["hostile"] = added(gone)
        lines += [_line(world, kind, tally) for kind, tally in shown.items() if tally.people]
    return lines


def _line(world: str, kind: str, tally: Tally) -> str:
    """`until caught`: results with made-up scores."""
    until = confirmed = hurt = ""
    mean = _until_caught(tally)
    if tally.made_up:
        share = Share(count=tally.made_up_confirmed, total=tally.made_up)
        confirmed = f"{share.value:.2%} (at most {_at_most(share, 2)})"
        if mean is not None:
            until = f"{mean:.1f}"
    if kind not in (*HOSTILE, "hostile"):
        hurt = f"{tally.caught:,} people, {tally.rejected:,} results"
    recomputed = Share(count=tally.recomputed, total=tally.posted * UNIT_PAIRS)
    return (
        f"| {world} | {kind} | {tally.people:,} | {tally.posted:,} | {tally.made_up:,} "
        f"| {until} | {confirmed} | {tally.false_pairs_confirmed:,} "
        f"| {tally.made_up_pairs_confirmed:,} | {hurt} | {recomputed.value:.2%} |"
    )


def _at_most(share: Share, places: int) -> str:
    """The upper bound of a share in percent. Rounded up, for less would be said of it than is so,
    and of a small one that it is none."""
    steps = 10 ** (places + 2)
    return f"{math.ceil(share.upper95 * steps) / steps:.{places}%}"


def _alone(worlds: Worlds) -> dict[str, Tally]:
    """Of those who have a world to themselves, where auditors decide."""
    return {
        name: tallies[name]
        for name, tallies in worlds.items()
        if name in tallies and name not in REPLICATED
    }


def _shares(worlds: Worlds) -> dict[str, Share]:
    """By figure; of audited worlds."""
    alone = _alone(worlds)
    everyone = added(
        tallies["honest"]
        for name, tallies in worlds.items()
        if "honest" in tallies and name not in REPLICATED
    )
    mixed = added(worlds.get(MIXED, {}).values())
    guessing = _of(alone, GUESSING)
    return {
        "honest_suspended": Share(count=everyone.caught, total=everyone.people),
        "heuristic_bot_credit": Share(count=guessing.made_up_confirmed, total=guessing.made_up),
        "false_among_confirmed": Share(
            count=mixed.false_pairs_confirmed, total=mixed.pairs_confirmed
        ),
        "honest_units_rejected": Share(count=everyone.rejected, total=everyone.posted),
        "honest_units_never_confirmed": Share(count=everyone.pending, total=everyone.posted),
        **{
            f"faked_confirmed_share_{name}": Share(
                count=_of(alone, kinds).made_up_confirmed, total=_of(alone, kinds).made_up
            )
            for name, kinds in FAKED.items()
        },
        "recomputed_share_after_probation": Share(
            count=everyone.recomputed_past_probation, total=everyone.pairs_past_probation
        ),
        "recomputed_share": Share(count=everyone.recomputed, total=everyone.posted * UNIT_PAIRS),
    }


def _until_caught(tally: Tally) -> float | None:
    """How many results with made-up scores, on average; None: nobody was caught."""
    return tally.posted_when_caught / tally.caught if tally.caught else None


def _of(alone: Mapping[str, Tally], kinds: Sequence[str]) -> Tally:
    return added(alone[kind] for kind in kinds if kind in alone)
