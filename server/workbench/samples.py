"""Pairs of a pool as an operator looks at them: a picture and a caption each, read from the shard
by their place in it. What is withheld is never shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dva_agent.protocol import PairRef
from sqlalchemy.orm import Session

from server.config import Settings
from server.pools import services as pools
from server.pools.pictures import Picture, caption_of, picture_of
from server.pools.services import Pool, Shard, Unit
from server.refusals import NotFound
from server.reports import services as reports
from server.workbench.ranking import Records
from server.workbench.snapshot import Snapshot, uid_of


@dataclass(frozen=True, kw_only=True)
class Sample:
    """`caption` is None where the pair has none that can be read; `pictured`: whether it has a
    picture."""

    uid: str
    score: float
    unit: str
    caption: str | None
    pictured: bool


def read(
    session: Session, settings: Settings, pool: Pool, snapshot: Snapshot, records: Records
) -> list[Sample]:
    """In their order, without those that are withheld by now or can't be found any more."""
    shards: dict[int, Shard | None] = {}
    units: dict[tuple[int, int], Mapping[str, PairRef] | None] = {}
    found: list[Sample] = []
    for record in records:
        number, key = int(record["shard"]), (int(record["shard"]), int(record["unit"]))
        if number not in shards:
            shards[number] = pools.find_shard(session, pool.name, snapshot.facts.shards[number])
        shard = shards[number]
        if shard is None:
            continue
        name = f"u{shard.id}-{key[1]}"
        if key not in units:
            units[key] = _shown(session, settings, pool.name, name)
        pair = (units[key] or {}).get(uid_of(record))
        if pair is None:
            continue
        found.append(
            Sample(
                uid=pair.uid,
                score=float(record["score"]),
                unit=name,
                caption=caption_of(shard, pair),
                pictured=pair.image is not None,
            )
        )
    return found


def picture(session: Session, settings: Settings, pool: Pool, unit: str, uid: str) -> Picture:
    """Raises NotFound where there is none, where it is withheld, too large, or of no kind that
    browsers show as nothing but a picture; ShardUnavailable."""
    row = pools.find_unit(session, pool.name, unit)
    pair = None if row is None else (_shown(session, settings, pool.name, unit) or {}).get(uid)
    if row is None or pair is None:
        raise NotFound("There is no such picture.")
    return picture_of(row.shard, pair)


def _shown(
    session: Session, settings: Settings, pool: str, unit: str
) -> Mapping[str, PairRef] | None:
    """The unit's pairs by uid, without those that are withheld; None: there is no such unit."""
    row: Unit | None = pools.find_unit(session, pool, unit)
    if row is None:
        return None
    hidden = reports.withheld(session, [row.id]).get(row.id, reports.NOWHERE)
    pairs: Sequence[PairRef] = pools.unit_pairs(settings, row)
    # Of a uid that is there twice, one withheld hides both.
    gone = {pair.uid for index, pair in enumerate(pairs) if index in hidden}
    return {pair.uid: pair for pair in reversed(pairs) if pair.uid not in gone}
