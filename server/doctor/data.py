"""Checks of the data folder and the database in it, through connections that can't write."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from dva_agent.errors import DvaError
from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from server.config import Settings
from server.contributors import services as contributors
from server.credit import services as credit
from server.doctor import checkout
from server.doctor.finding import Finding, ok, problem, some, warning
from server.errors import LedgerError
from server.keys import FILE
from server.migrations import revisions
from server.pools import bundles, licences
from server.pools import services as pools
from server.refusals import ShardUnavailable
from server.results import compacted, kept

WAL = 2
HEADER = 20


def folder(path: Path) -> Finding:
    """It may be missing: dva serve makes it."""
    if path.is_dir():
        if os.access(path, os.R_OK | os.W_OK | os.X_OK):
            return ok("data", f"{path} can be written")
        return problem("data", f"{path} can't be written.", "Give it to the user that serves.")
    if path.exists():
        return problem("data", f"{path} is no folder.", "Name another, with --data.")
    above = existing(path)
    if os.access(above, os.W_OK | os.X_OK):
        return ok("data", f"{path} isn't there yet; the first command makes it")
    return problem("data", f"{path} can't be made.", f"Give {above} to the user that serves.")


def existing(path: Path) -> Path:
    """The folder itself, or the nearest above it that is there."""
    return next(above for above in (path.resolve(), *path.resolve().parents) if above.is_dir())


def secret(settings: Settings) -> Finding:
    if settings.secret_key:
        return ok("secret-key", "set by DVA_SECRET_KEY")
    if not settings.is_embedded:
        return problem(
            "secret-key",
            "DVA_SECRET_KEY isn't set: the server doesn't start without it on PostgreSQL.",
            "Set it to 32 random characters or more, the same on every server.",
        )
    path = settings.data / FILE
    if not path.is_file():
        return ok("secret-key", "the server makes one when it first starts")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return problem(
            "secret-key", f"{path} can be read by others (mode {mode:o}).", f"chmod 600 {path}"
        )
    return ok("secret-key", f"{path.name} is the server's alone")


@contextmanager
def reading(settings: Settings) -> Iterator[Session]:
    """A session that can't write. Raises SQLAlchemyError."""
    url, arguments = settings.database_url, {}
    if settings.is_embedded:
        path = Path(url.removeprefix("sqlite:///"))
        # Without a log beside it nobody is writing, and `immutable` makes no files. With one, its
        # newest pages count.
        how = "mode=ro" if path.with_name(path.name + "-wal").exists() else "immutable=1"
        url = f"sqlite:///file:{path}?{how}&uri=true"
    else:
        arguments = {"options": "-c default_transaction_read_only=on", "connect_timeout": 5}
    engine = create_engine(url, connect_args=arguments)
    try:
        with Session(engine, autoflush=False) as session:
            yield session
    finally:
        engine.dispose()


def is_new(settings: Settings) -> bool:
    """Whether there is no database yet, and the first command makes it."""
    return settings.is_embedded and not _file(settings).exists()


def database(settings: Settings) -> list[Finding]:
    """Whether it answers, and is of this version; on SQLite, that it keeps a log ahead."""
    if is_new(settings):
        return [ok("database", "none yet; the first command makes it")]
    try:
        with reading(settings) as session:
            found, newest = revisions(session.connection())
    except SQLAlchemyError as error:
        reason = str(error).splitlines()[0]
        return [problem("database", f"It can't be read: {reason}", "Check DVA_DATABASE, --data.")]
    findings = [_schema(found, newest)]
    if settings.is_embedded:
        findings.append(journal(_file(settings)))
    return findings


def _schema(found: str | None, newest: str) -> Finding:
    if found == newest:
        return ok("database", f"reachable, its schema is at step {newest}")
    if found is not None and found > newest:
        return problem(
            "database",
            f"Its schema is at step {found}, which this version ({newest}) doesn't know.",
            "Use the version of DVA that made it, or a newer one.",
        )
    return warning(
        "database",
        f"Its schema is at step {found or 'none'}; this version's is {newest}.",
        "Make a backup; the next dva serve brings it up to date.",
    )


def journal(path: Path) -> Finding:
    """SQLite's header says whether it writes ahead: its bytes 18 and 19."""
    with path.open("rb") as file:
        header = file.read(HEADER)
    if len(header) == HEADER and header[18] == header[19] == WAL:
        return ok("journal", "SQLite writes ahead (WAL)")
    return warning(
        "journal", "SQLite isn't in WAL mode: readers block writers.", "dva serve turns it on."
    )


def last_seen(settings: Settings) -> datetime | None:
    """When the newest device was seen; None if that can't be told."""
    if is_new(settings):
        return None
    try:
        with reading(settings) as session:
            return contributors.last_seen(session)
    except SQLAlchemyError:
        return None


def shards(settings: Settings) -> list[Finding]:
    """Every pool's bundle, shards and indexes. Nothing where the database can't be read: that has
    been said."""
    if is_new(settings):
        return []
    try:
        with reading(settings) as session:
            return [
                finding
                for status in pools.statuses(session, {})
                for finding in _pool(session, settings, status.pool, status.bundle)
            ]
    except SQLAlchemyError:
        return []


def ledger(settings: Settings) -> list[Finding]:
    """Whether credit adds up. Nothing where the database can't be read, or is older: that has been
    said."""
    if is_new(settings):
        return []
    try:
        with reading(settings) as session:
            credit.check(session)
            wrong = credit.adrift(session)
    except LedgerError as error:
        return [problem("ledger", str(error), error.next_step)]
    except SQLAlchemyError:
        return []
    if wrong:
        return [
            problem(
                "ledger",
                f"Balances aren't what the ledger adds up to: {some(wrong)}.",
                "dva credit rebuild adds them up anew.",
            )
        ]
    return [ok("ledger", "what is given is what is taken, and the balances are its sums")]


def licence(settings: Settings, pool: str, bundle: str) -> Iterator[Finding]:
    """Whether the model may be handed out. Nothing where the bundle can't be read: that has been
    said."""
    check = f"licence of {pool}"
    try:
        manifest = bundles.registered(settings.bundles, bundle)
    except (OSError, DvaError):
        return
    if manifest is None:
        return
    name = manifest.licence.name
    if not licences.is_accepted(settings, manifest):
        yield problem(
            check,
            f"{name}, of {manifest.name}, isn't accepted: nothing of this pool is handed out.",
            f"Read it and accept it: dva bundle accept {bundle}",
        )
    elif licences.needs_acceptance(manifest):
        yield ok(check, f"{name}, accepted")


def _pool(session: Session, settings: Settings, name: str, bundle: str) -> Iterator[Finding]:
    again = f"Ingest a whole copy of bundle {bundle}, after moving this one away."
    yield checkout.bundle(f"bundle of {name}", settings.bundles / bundle, again)
    yield from licence(settings, name, bundle)
    away, unindexed, count = [], [], 0
    for shard in pools.shards_of(session, pools.get_pool(session, name)):
        count += 1
        try:
            pools.checked_path(shard)
        except ShardUnavailable:
            away.append(shard.path)
        if not pools.index_path(settings, name, shard.name).is_file():
            unindexed.append(shard.name)
    check = f"shards of {name}"
    if away:
        yield problem(
            check,
            f"{len(away)} of {count} missing or changed: {some(away)}.",
            "Put them back as they were, with their times (cp -p); or ingest them where they are.",
        )
    if unindexed:
        yield problem(
            check,
            f"{len(unindexed)} of {count} have no index: {some(unindexed)}.",
            "Repeat dva ingest with them, which makes it anew; or restore the data folder's pools/ "
            "from a backup.",
        )
    if not away and not unindexed:
        yield ok(check, f"{count} in place, indexed")
    yield from _scores(session, settings, name)


def _scores(session: Session, settings: Settings, name: str) -> Iterator[Finding]:
    """Whether the files of compacted shards are those that were written, to the byte."""
    rows = compacted.compacted(session, pools.get_pool(session, name))
    check = f"scores of {name}"
    wrong = [
        shard.name
        for shard, row in rows
        if not kept.is_whole(compacted.path_of(settings, shard), row.sha256)
    ]
    if wrong:
        yield problem(
            check,
            f"{len(wrong)} of {len(rows)} files are missing or differ: {some(wrong)}.",
            "Restore the data folder's scores/ from a backup.",
        )
    elif rows:
        yield ok(check, f"{len(rows)} compacted shards, every byte as it was written")


def _file(settings: Settings) -> Path:
    return Path(settings.database_url.removeprefix("sqlite:///"))
