"""Made-up cohorts, and how often a look at one is wrong:

python -m tests.server.cohorts

prints, for each kind of cohort, the share of looks that blamed what isn't to blame, and of those
that found what is. docs/trust.md has its table.
"""

from __future__ import annotations

from dataclasses import dataclass

import click
import numpy as np

from server.trust.cohort import Cell, DeviceClass, Tried, findings

BROKEN = DeviceClass("b" * 32, "webgpu-f16", "kind 5")
POISONED = 3
SHARDS = 4


@dataclass(frozen=True, kw_only=True)
class World:
    """`people` with one of 6 kinds of devices work on up to 4 shards. A share of them is `hostile`:
    on each shard they are found with a chance of one half."""

    name: str
    people: int
    hostile: float
    to_blame: Cell | None = None
    """Everybody fails there."""


WORLDS = (
    *(World(name="only people", people=60, hostile=share) for share in (0.1, 0.3, 0.6)),
    *(
        World(name=name, people=people, hostile=0.1, to_blame=cell)
        for name, cell in (("a kind of device", BROKEN), ("a shard", POISONED))
        for people in (30, 60, 120)
    ),
)


def people(world: World, seed: int) -> list[Tried]:
    rng = np.random.default_rng(seed)
    rows = []
    for who in range(world.people):
        kind = BROKEN._replace(name=f"kind {int(rng.integers(6))}")
        hostile = rng.random() < world.hostile
        for shard in range(int(rng.integers(SHARDS)), SHARDS):
            fails = world.to_blame in (kind, shard) or (hostile and rng.random() < 0.5)
            rows.append(
                Tried(
                    contributor=f"{who}",
                    network=None,
                    device_class=kind,
                    shard=shard,
                    passed=0 if fails else 3,
                    failed=int(fails),
                    began=len(rows),
                )
            )
            if fails:
                break
    return rows


def looked(world: World, looks: int) -> tuple[int, int]:
    """In how many of them something was blamed wrongly, and in how many what is to blame."""
    wrong = right = 0
    for seed in range(looks):
        blamed = {finding.cell for finding in findings(people(world, seed))}
        right += world.to_blame in blamed
        wrong += bool(blamed - {world.to_blame})
    return wrong, right


@click.command()
@click.option("--looks", type=click.IntRange(1), default=2000, show_default=True)
def main(looks: int) -> None:
    print("| to blame | people | hostile | blamed wrongly | found |")
    print("| --- | --- | --- | --- | --- |")
    for world in WORLDS:
        wrong, right = looked(world, looks)
        found = f"{right / looks:.1%}" if world.to_blame else "-"
        print(
            f"| {world.name} | {world.people} | {world.hostile:.0%} | {wrong} of {looks} |"
            f" {found} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
