"""What ingest finds wrong with pairs, counted by kind, and by the host that they came from.

dead_link       couldn't be downloaded: img2dataset's own record beside the shard says so
hash_drift      was another picture than the metadata's sha256 means: img2dataset's record says so,
                or the picture in the shard does
opted_out       not downloaded, because its site says that it isn't to be used (noai)
unfit           left out by img2dataset's own limits on size and shape
unreadable      downloaded, and no picture; or in the shard without one that any engine would take
duplicate_uid   in the pool already, in another shard
denied_uid, denied_hash, denied_nsfw      kept out by the operator's lists
taken_down      kept out because `dva takedown` took it, or its host, from all pools before

A duplicate, an unreadable pair and one that drifted are in the pool; the others are not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.db import add_counts
from server.pools.models import HostFinding, Pool, Shard, ShardFinding

KINDS = (
    "dead_link",
    "hash_drift",
    "opted_out",
    "unfit",
    "unreadable",
    "duplicate_uid",
    "denied_uid",
    "denied_hash",
    "denied_nsfw",
    "taken_down",
)
SHARD_HOSTS = 1000
"""So many hosts of a shard are kept by name, those with the most; the others are added up."""
POOL_HOSTS = 20_000
"""So many rows of a pool are kept; from then on, hosts that aren't among them are added up."""
OTHERS = ""
"""Stands for the hosts that aren't kept by name, and for those that nobody named."""


@dataclass
class Findings:
    """Of one shard, or of many. How many pairs by kind, and by kind and host."""

    kinds: Counter[str] = field(default_factory=Counter)
    hosts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def count(self, kind: str, host: str | None, pairs: int = 1) -> None:
        assert kind in KINDS
        self.kinds[kind] += pairs
        self.hosts[kind, host or OTHERS] += pairs

    def add(self, other: Findings) -> None:
        self.kinds.update(other.kinds)
        self.hosts.update(other.hosts)


def store(session: Session, shard: Shard, findings: Findings) -> None:
    """Adds what was found in a shard that is new in this transaction."""
    session.flush()
    for kind, count in sorted(findings.kinds.items()):
        session.add(ShardFinding(shard_id=shard.id, kind=kind, pairs=count))
    known = {
        (row.kind, row.host)
        for row in session.execute(
            select(HostFinding.kind, HostFinding.host).where(HostFinding.pool_id == shard.pool_id)
        )
    }
    named: Counter[tuple[str, str]] = Counter()
    for number, ((kind, host), count) in enumerate(findings.hosts.most_common()):
        keep = number < SHARD_HOSTS and ((kind, host) in known or len(known) < POOL_HOSTS)
        if keep:
            known.add((kind, host))
        named[kind, host if keep else OTHERS] += count
    # In one order, so that two ingests of a pool don't wait for each other's rows.
    for (kind, host), count in sorted(named.items()):
        key = {"pool_id": shard.pool_id, "kind": kind, "host": host}
        add_counts(session, HostFinding, key=key, counts={"pairs": count})


def of_pool(session: Session, pool: Pool) -> Mapping[str, int]:
    """Pairs by kind, over all shards."""
    rows = session.execute(
        select(ShardFinding.kind, func.sum(ShardFinding.pairs))
        .join(Shard, Shard.id == ShardFinding.shard_id)
        .where(Shard.pool_id == pool.id)
        .group_by(ShardFinding.kind)
    )
    return _in_order({kind: int(pairs) for kind, pairs in rows})


def of_shards(session: Session, shards: list[int]) -> Mapping[int, Mapping[str, int]]:
    """Pairs by kind, by shard id; only shards in which something was found."""
    found: dict[int, dict[str, int]] = {}
    for row in session.scalars(select(ShardFinding).where(ShardFinding.shard_id.in_(shards))):
        found.setdefault(row.shard_id, {})[row.kind] = row.pairs
    return {shard: _in_order(kinds) for shard, kinds in found.items()}


def worst_hosts(session: Session, pool: Pool, count: int) -> list[tuple[str, Mapping[str, int]]]:
    """The `count` hosts of a pool with the most findings, and theirs by kind; those that aren't
    known by name are left out."""
    hosts = session.scalars(
        select(HostFinding.host)
        .where(HostFinding.pool_id == pool.id, HostFinding.host != OTHERS)
        .group_by(HostFinding.host)
        .order_by(func.sum(HostFinding.pairs).desc(), HostFinding.host)
        .limit(count)
    ).all()
    found: dict[str, dict[str, int]] = {host: {} for host in hosts}
    for row in session.scalars(
        select(HostFinding).where(HostFinding.pool_id == pool.id, HostFinding.host.in_(hosts))
    ):
        found[row.host][row.kind] = row.pairs
    return [(host, _in_order(kinds)) for host, kinds in found.items()]


def _in_order(kinds: Mapping[str, int]) -> dict[str, int]:
    return {kind: kinds[kind] for kind in KINDS if kind in kinds}
