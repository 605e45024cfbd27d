"""`dva ingest`: shards become units. A shard is in with all of its units, or not at all; what is
in is skipped when the command is repeated, unless its index is lost: that is made anew."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from dva_agent.bundle import Manifest
from dva_agent.discovery import AGENTS
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.config import Settings
from server.db import Database, now
from server.errors import PoolError, ShardError
from server.pools import beside, bucket, bundles, downloads, findings
from server.pools.copies import Copies
from server.pools.files import copies_path, index_path, truth_path, uids_path
from server.pools.filters import Filters, Gone, Orders
from server.pools.findings import Findings
from server.pools.index import IndexWriter, read_uids
from server.pools.known_uids import KnownUids
from server.pools.models import AUDIT, Policy, Pool, Shard, Unit
from server.pools.services import POOL_NAME
from server.pools.shards import Offered, find_shards
from server.pools.storage import Found, Storage
from server.pools.survey import Survey, survey, survey_again

DEFAULT_AGENT = "dva"
CHUNK = 1 << 20
Serve = Literal["server", "bucket"]


@dataclass(kw_only=True)
class Ingested:
    """What one run of the command did."""

    pool: str
    agent: str
    bundle: str
    policy: Policy
    added: int = 0
    skipped: int = 0
    pairs: int = 0
    units: int = 0
    truth: bool = False
    findings: Findings = field(default_factory=Findings)
    """Of the shards that were added; `by_shard`: of each in which something was found."""
    by_shard: dict[str, Findings] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """Records beside shards that couldn't be read, and indexes that were lost."""
    refused: list[tuple[Path, ShardError]] = field(default_factory=list)


def ingest(
    database: Database,
    settings: Settings,
    *,
    pool: str,
    paths: Sequence[Path],
    bundle: Path,
    progress: Callable[[int, int], None],
    orders: Orders | None = None,
    agent: str | None = None,
    policy: Policy | None = None,
    filters: Filters | None = None,
    urls: Sequence[str] = (),
    serve: Serve | None = None,
) -> Ingested:
    """Registers the bundle and takes in every tar under `paths` and `urls`. `progress(done, total)`
    counts bytes. `orders`: what was taken down, and may be at any time; None: nothing ever
    is. `agent`: who works on the pool; None: the one it has, or DEFAULT_AGENT. `policy`:
    how its results are checked; None: as they are, or by audits. `filters`: what is kept out of the
    shards that are new. `serve`: from where contributors get all these shards; None: as it is,
    and what is new from here. Raises PoolError, BundleError or BundleUnauditable before anything is
    stored; a shard that can't be taken is listed in `refused`, and the others go on."""
    if not POOL_NAME.fullmatch(pool):
        raise PoolError(
            f"{pool!r} can't be a pool's name.",
            next_step="Use up to 40 of a-z, 0-9, - and _, beginning with a letter or digit.",
        )
    if agent is not None and agent not in AGENTS:
        raise PoolError(
            f"There is no agent {agent}.",
            code="agent_unknown",
            next_step=f"Agents here: {', '.join(sorted(AGENTS))}.",
        )
    if serve == "bucket":
        _require_signed(paths, urls)
    shards = find_shards(paths, urls, Copies(copies_path(settings, pool)))
    folders = {shard.path.parent for shard in shards}
    record = beside.read_record(folders)
    truth = beside.read_truth(folders)
    beside.merge_truth(truth, truth_path(settings, pool))
    manifest = bundles.read(bundle)
    with database.read() as session:
        known = _find(session, pool)
        policy = policy or (known.policy if known else AUDIT)
        agent = agent or (known.agent if known else DEFAULT_AGENT)
        _check_pool(known, manifest, agent, policy)
    if agent not in AGENTS or "model" in AGENTS[agent].needs:
        bundles.require_auditable(bundle)
    bundles.register(bundle, settings.bundles)
    done = Ingested(pool=pool, agent=agent, bundle=manifest.bundle, policy=policy)
    take = _Take(database, settings, done, record, manifest, filters or Filters(), orders, serve)
    total = sum(shard.work for shard in shards)
    passed = 0
    progress(0, total)
    for shard in shards:
        before = passed

        def count(size: int) -> None:
            progress(before + size, total)  # noqa: B023 - called within this round only

        try:
            taken = take(shard, count)
        except ShardError as error:
            done.refused.append((shard.path, error))
        else:
            if taken is None:
                done.skipped += 1
            else:
                done.added += 1
                done.pairs += taken.pairs
                done.units += taken.units
        passed += shard.work
        progress(passed, total)
    take.uids.flush()
    if truth and (done.added or done.skipped):
        beside.keep_truth(truth, truth_path(settings, pool))
        done.truth = True
    return done


class _Take:
    """Takes the shards of one run in, one after the other."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        into: Ingested,
        record: beside.PoolRecord,
        manifest: Manifest,
        filters: Filters,
        orders: Orders | None,
        serve: Serve | None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._into = into
        self._record = record
        self._manifest = manifest
        self._filters = filters
        self._orders = orders
        self._serve = serve
        self.uids = _known_uids(database, settings, into.pool)

    def __call__(self, offered: Offered, count: Callable[[int], None]) -> Shard | None:
        """None if it is in already. Raises ShardError."""
        with self._database.read() as session:
            known = _known(session, self._into.pool, offered.path.stem)
        offered.bring(keep=known is not None, count=count)
        brought = offered.work - offered.path.stat().st_size
        try:
            taken = self._take(offered, known, lambda size: count(brought + size))
        except ShardError:
            if known is None:
                offered.drop()
                index_path(self._settings, self._into.pool, offered.path.stem).unlink(True)
            raise
        if known and self._serve:
            with self._database.write() as session:
                self._give(session, known, offered.found)
        return taken

    def _give(self, session: Session, shard: Shard, found: Found | None) -> None:
        if self._serve == "bucket":
            assert found
            bucket.give_from(session, shard, found)
        else:
            bucket.give_here(session, shard)

    def _take(
        self, offered: Offered, known: Shard | None, count: Callable[[int], None]
    ) -> Shard | None:
        pool, path = self._into.pool, offered.path
        before = path.stat()
        is_indexed = index_path(self._settings, pool, path.stem).is_file()
        if (
            known
            and is_indexed
            and (known.size, known.mtime_ns, known.path)
            == (
                before.st_size,
                before.st_mtime_ns,
                str(path),
            )
        ):
            return None
        digest = _digest(path, count)
        if digest != (self._record.sha256(path.name) or digest):
            raise ShardError(
                f"{path.name} is not the shard that pool.json lists.", code="shard_differs"
            )
        if known:
            if known.sha256 != digest:
                raise ShardError(
                    f"The pool {pool} has another shard called {path.name}.",
                    code="shard_changed",
                    next_step="Give the new content a new name; scored pairs are never replaced.",
                )
            if not is_indexed:
                self._index_again(path, known)
            with self._database.write() as session:
                moved = session.get_one(Shard, known.id)
                moved.path, moved.mtime_ns = str(path), before.st_mtime_ns
            return None
        record = self._record_beside(path)
        gone: Gone | None = self._gone()
        while gone is not None:
            found = self._survey(path, gone)
            after = path.stat()
            if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
                raise ShardError(
                    f"{path.name} was changed while it was read.", code="shard_changed"
                )
            self._count_twice(found)
            found.findings.add(record)
            shard = Shard(
                name=path.stem,
                path=str(path),
                size=before.st_size,
                mtime_ns=before.st_mtime_ns,
                sha256=digest,
                pairs=len(found.uids),
                units=len(found.units),
            )
            gone = self._store(shard, found, gone, offered.found)
        self.uids.add(shard.name, found.uids)
        self._into.findings.add(found.findings)
        if found.findings.kinds:
            self._into.by_shard[shard.name] = found.findings
        return shard

    def _gone(self) -> Gone:
        if self._orders is None:
            return Gone()
        with self._database.read() as session:
            return self._orders.gone(session)

    def _survey(self, path: Path, gone: Gone) -> Survey:
        """Leaves the index in its place."""
        index = IndexWriter(index_path(self._settings, self._into.pool, path.stem))
        filters = replace(self._filters, gone=gone)
        try:
            found = survey(path, self._into.pool, index, self._settings.unit_pairs, filters)
            index.commit()
        finally:
            index.discard()
        return found

    def _index_again(self, path: Path, known: Shard) -> None:
        with self._database.read() as session:
            query = select(Unit).where(Unit.shard_id == known.id).order_by(Unit.number)
            units = session.scalars(query).all()
        index = IndexWriter(index_path(self._settings, self._into.pool, known.name))
        try:
            uids = survey_again(path, self._into.pool, index, units, self._filters.max_nsfw)
            index.commit()
        finally:
            index.discard()
        self.uids.add(known.name, uids)
        self._into.notes.append(f"{path.name}: its index was lost, and is made anew.")

    def _count_twice(self, found: Survey) -> None:
        twice = self.uids.contains(found.uids)
        for host, is_known in zip(found.hosts, twice, strict=True):
            if is_known:
                found.findings.count("duplicate_uid", host)

    def _record_beside(self, path: Path) -> Findings:
        """What the tar itself doesn't tell."""
        try:
            return downloads.read_record(path)
        except downloads.RecordError as error:
            self._into.notes.append(str(error))
            return Findings()

    def _store(self, shard: Shard, found: Survey, gone: Gone, there: Found | None) -> Gone | None:
        """All of it; or, if there is something in it that was taken down after `gone`, nothing, and
        that is what comes back. An order waits until this is stored and looks for its pairs here,
        or it is seen from here: none falls in between, whoever is killed when."""
        into = self._into
        with self._database.write() as session:
            if self._orders is not None and self._orders.last(session) != gone.last:
                newer = self._orders.gone(session)
                if newer.beyond(gone).may_have(found.uids, found.hosts):
                    return newer
            shard.pool = _find(session, into.pool) or _new_pool(into, self._record)
            _check_pool(shard.pool, self._manifest, into.agent, into.policy)
            for unit in found.units:
                unit.shard, unit.pool = shard, shard.pool
            session.add_all(found.units)
            findings.store(session, shard, found.findings)
            if self._serve == "bucket":
                self._give(session, shard, there)
        return None


def _known_uids(database: Database, settings: Settings, pool: str) -> KnownUids:
    """Those of all shards that are in: what isn't on the disk yet is read from the indexes."""
    known = KnownUids(uids_path(settings, pool))
    with database.read() as session:
        names = session.scalars(select(Shard.name).join(Shard.pool).where(Pool.name == pool)).all()
    for name in sorted(set(names) - known.shards):
        known.add(name, read_uids(index_path(settings, pool, name)))
    return known


def _digest(path: Path, count: Callable[[int], None]) -> str:
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            count(size)
    return digest.hexdigest()


def _require_signed(paths: Sequence[Path], urls: Sequence[str]) -> None:
    if paths:
        raise PoolError(
            f"{paths[0]} lies in no bucket.",
            code="bucket_unsigned",
            next_step="Leave --serve bucket out, or name s3:// or gs:// URLs alone.",
        )
    storage = Storage()
    for place in {"/".join(url.split("/", 3)[:3]) for url in urls}:
        storage.sign(f"{place}/x", bucket.SIGNED_FOR)


def _find(session: Session, pool: str) -> Pool | None:
    return session.scalar(select(Pool).where(Pool.name == pool))


def _known(session: Session, pool: str, shard: str) -> Shard | None:
    return session.scalar(
        select(Shard).join(Shard.pool).where(Pool.name == pool, Shard.name == shard)
    )


def _new_pool(into: Ingested, record: beside.PoolRecord) -> Pool:
    return Pool(
        name=into.pool,
        agent=into.agent,
        bundle=into.bundle,
        policy=into.policy,
        title=record.title or record.name or into.pool,
        licence=record.licence,
        attribution=record.attribution,
        safe=record.safe,
        created_at=now(),
    )


def _check_pool(pool: Pool | None, manifest: Manifest, agent: str, policy: Policy) -> None:
    if pool is not None and pool.policy != policy:
        raise PoolError(
            f"The pool {pool.name} is checked by {pool.policy}.",
            code="pool_policy_differs",
            next_step=f"Leave --policy out, or change it: dva trust policy {pool.name} {policy}",
        )
    if pool is not None and pool.agent != agent:
        raise PoolError(
            f"The agent {pool.agent} works on the pool {pool.name}, not {agent}.",
            code="pool_agent_differs",
            next_step="Leave --agent out, or ingest under another pool name.",
        )
    if pool is not None and pool.bundle != manifest.bundle:
        raise PoolError(
            f"The pool {pool.name} is scored by bundle {pool.bundle}, this is {manifest.bundle}.",
            code="pool_bundle_differs",
            next_step="Use that bundle, or ingest under another pool name.",
        )
