"""Compacting a shard: its file is whole on the disk under another name; then, in one transaction,
the file takes its name, the rows go, and its sha256 is in their place.

Whoever is killed in between leaves rows that are all there, beside a file that nobody asks for, and
the next run writes it anew. Two who compact the same shard meet in that transaction, and the second
finds that it is done. The way back is the same in reverse, but for the file: that stays, and for a
day nothing takes its place, since a backup may have copied rows that still name it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
from sqlalchemy.orm import Session

from server.compaction.readiness import Wait, waits
from server.config import VERSION, Settings
from server.db import Database
from server.durable import put
from server.errors import PoolError
from server.pools import services as pools
from server.pools.services import AUDIT, Pool, Shard, Unit
from server.results import compacted, kept
from server.results.compacted import CompactedShard, Kept
from server.results.services import Result
from server.trust import archive, drawing, records
from server.trust.archive import Audit
from server.work import compacted as leases
from server.work.compacted import Ended

PAGE = 100
LEFT_OVER_S = 3600.0
"""A partial file that is older belongs to nobody who lives."""
FORMER_KEPT = timedelta(days=1)
"""A backup that takes longer between a database and its files may lack one."""


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What became of a finished shard. `waits`: why it stays; None: it is compacted, or would be.
    The counts are of rows that left the database; `bytes`: of the file."""

    shard: str
    waits: Wait | None
    fault: str = ""
    results: int = 0
    audits: int = 0
    bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """What is stored of a shard and would go."""

    shard: Shard
    found: Sequence[tuple[Unit, Result]]
    audits: Mapping[int, Sequence[Audit]]

    @property
    def results(self) -> list[int]:
        return [result.id for _, result in self.found]

    @property
    def audit_count(self) -> int:
        return sum(len(each) for each in self.audits.values())

    def is_same(self, other: _Rows) -> bool:
        """Whether nothing has happened to them meanwhile: what is decided stays as it is, unless it
        is decided anew, and then by another audit or as another state."""
        return self.results == other.results and {
            result: [audit.id for audit in each] for result, each in self.audits.items()
        } == {result: [audit.id for audit in each] for result, each in other.audits.items()}


def compact_all(
    database: Database,
    settings: Settings,
    *,
    pool: str | None = None,
    age: timedelta,
    at: datetime,
    dry_run: bool = False,
) -> Iterator[Looked]:
    """Every finished shard, of one pool or of all, one after the other; one that can't be compacted
    here says why. Raises PoolError for a pool that isn't there."""
    with database.read() as session:
        only = None if pool is None else pools.get_pool(session, pool)
    if not dry_run:
        _sweep(settings)
    last = 0
    while page := _page(database, only, last):
        for shard in page:
            try:
                yield compact(database, settings, shard, age=age, at=at, dry_run=dry_run)
            except (PoolError, OSError, pa.ArrowException) as error:
                with database.read() as session:
                    name = pools.shard_name(session, shard)
                yield Looked(shard=name, waits="fault", fault=str(error))
        last = page[-1]


def compact(
    database: Database,
    settings: Settings,
    shard: int,
    *,
    age: timedelta,
    at: datetime,
    dry_run: bool = False,
) -> Looked:
    """A finished shard whose results are stored. Raises PoolError if its agent is missing here, or
    its index."""
    with database.read() as session:
        rows = _rows(session, shard)
        name = f"{rows.shard.pool.name}/{rows.shard.name}"
        wait = waits(session, shard, rows.found, rows.audits, age=age, at=at)
        if wait is not None:
            return Looked(shard=name, waits=wait)
        claimed = leases.claimed_at(session, [result.lease_id for _, result in rows.found])
    done = Looked(shard=name, waits=None, results=len(rows.found), audits=rows.audit_count)
    if dry_run:
        return done
    path = compacted.path_of(settings, rows.shard)
    partial = _write(settings, path, rows, claimed)
    try:
        digest, size = kept.sha256(partial), partial.stat().st_size
        with database.write() as session:
            records.all_locked(session, _audited_devices(rows.found))
            pools.lock_shard(session, shard)
            if compacted.find(session, shard) is not None:
                return Looked(shard=name, waits="undecided")
            now_there = _rows(session, shard)
            wait = waits(session, shard, now_there.found, now_there.audits, age=age, at=at)
            if wait is not None or not rows.is_same(now_there):
                return Looked(shard=name, waits=wait or "undecided")
            if _is_wanted(path, digest, at):
                return Looked(shard=name, waits="former")
            put(partial, path)
            archive.put_away(session, rows.results)
            compacted.put_away(session, _row(rows, digest, size, at), rows.results)
            leases.put_away(session, list(claimed))
    finally:
        partial.unlink(missing_ok=True)
    return replace(done, bytes=size)


def bring_back(
    database: Database, settings: Settings, secret: bytes, *, pool: str, shard: str, at: datetime
) -> int:
    """Stores a compacted shard's results, leases and audits again, as they were, and sends what
    auditors decide about to audit once more; gives how many results they are. Raises PoolError."""
    with database.read() as session:
        found = pools.find_shard(session, pool, shard)
        row = None if found is None else compacted.find(session, found.id)
        if found is None or row is None:
            raise PoolError(
                f"No shard {shard} of the pool {pool} is compacted.", code="shard_not_compacted"
            )
        back = compacted.kept_of(session, settings, found, row)
    with database.write() as session:
        records.all_locked(session, _audited_devices((unit, each.result) for unit, each in back))
        pools.lock_shard(session, found.id)
        row = compacted.find(session, found.id)
        if row is None:
            raise PoolError(
                f"The shard {shard} was brought back at this moment.", code="shard_not_compacted"
            )
        leases.bring_back(session, [_ended(unit, each) for unit, each in back])
        compacted.bring_back(session, row, back)
        for _, each in back:
            archive.bring_back(session, each.result, each.audits)
        again = [(each.result, unit) for unit, each in back if each.result.policy == AUDIT]
        drawing.recheck_all(session, secret, again, at)
        os.utime(compacted.path_of(settings, found), (at.timestamp(), at.timestamp()))
    return len(back)


def _page(database: Database, pool: Pool | None, last: int) -> list[int]:
    with database.read() as session:
        return compacted.finished(session, pool, after=last, limit=PAGE)


def _rows(session: Session, shard: int) -> _Rows:
    found = compacted.confirmed_of(session, shard)
    return _Rows(
        shard=pools.get_shard(session, shard),
        found=found,
        audits=archive.of(session, [result.id for _, result in found]),
    )


def _write(settings: Settings, path: Path, rows: _Rows, claimed: Mapping[str, datetime]) -> Path:
    pool = rows.shard.pool
    agent = pools.agent_of(pool)
    if agent is None:
        raise PoolError(
            f"The agent {pool.agent} isn't here any more.",
            code="agent_unknown",
            next_step="Put its module back into dva_agent/agents: it says what its numbers are.",
        )
    return kept.write_beside(
        path,
        [
            Kept(
                unit=unit.name,
                result=result,
                claimed_at=claimed[result.lease_id],
                audits=archive.pack(rows.audits[result.id]),
            )
            for unit, result in rows.found
        ],
        uids=[[pair.uid for pair in pools.unit_pairs(settings, unit)] for unit, _ in rows.found],
        columns=[column.name for column in agent.columns],
        said={
            "pool": pool.name,
            "agent": pool.agent,
            "bundle": pool.bundle,
            "shard": rows.shard.name,
            "shard_sha256": rows.shard.sha256,
            "dva_version": VERSION,
        },
    )


def _row(rows: _Rows, digest: str, size: int, at: datetime) -> CompactedShard:
    first = {result.id for _, result in rows.found if result.copy == 0}
    looked = archive.looked(
        {result: each for result, each in rows.audits.items() if result in first}
    )
    return CompactedShard(
        shard_id=rows.shard.id,
        sha256=digest,
        bytes=size,
        results=len(first),
        results_audited=looked.results_audited,
        pairs_audited=looked.pairs_audited,
        audits=looked.audits,
        last_audit=looked.last_audit,
        made_at=at,
    )


def _audited_devices(
    found: Iterator[tuple[Unit, Result]] | Sequence[tuple[Unit, Result]],
) -> set[str]:
    """Whose records stand for what is decided here."""
    return {result.device_id for _, result in found if result.policy == AUDIT}


def _ended(unit: Unit, each: Kept) -> Ended:
    return Ended(
        lease=each.result.lease_id,
        unit=unit.id,
        device=each.result.device_id,
        copy=each.result.copy,
        claimed_at=each.claimed_at,
        at=each.result.scored_at,
    )


def _is_wanted(path: Path, digest: str, at: datetime) -> bool:
    """Whether the file that is there now is another one, and was in use within FORMER_KEPT."""
    try:
        younger = at.timestamp() - path.stat().st_mtime < FORMER_KEPT.total_seconds()
    except FileNotFoundError:
        return False
    return younger and kept.sha256(path) != digest


def _sweep(settings: Settings) -> None:
    """What those who were killed have left."""
    for partial in settings.scores.glob("*/.*.partial"):
        try:
            if time.time() - partial.stat().st_mtime > LEFT_OVER_S:
                partial.unlink()
        except FileNotFoundError:
            continue  # Its owner lives, or somebody else sweeps.
