"""`dva backup` and `dva copy-database`: what is stored, in another place."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import click
from sqlalchemy import func, select, text
from sqlalchemy.engine import Connection

from server.cli.opened import bar, opened
from server.cli.options import data_options
from server.config import Settings, read_settings
from server.db import Base, Database
from server.durable import put
from server.errors import BackupError
from server.keys import FILE
from server.migrations import migrate

ROWS = 500
"""Results are kilobytes each: so many are in memory at a time."""


@click.command(epilog="Example: dva backup /backup/dva-today --data data")
@click.argument("target", type=click.Path(path_type=Path))
@data_options
def backup(target: Path, data: Path | None, database: str | None) -> None:
    """Copy the data folder to TARGET, a new folder, while the server may go on. A database on
    PostgreSQL isn't in it: pg_dump copies that, before this."""
    settings = read_settings(data=data, database=database)
    if target.exists():
        raise BackupError(f"{target} is there already.", next_step="Name a folder that isn't.")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=target.parent))
    try:
        # What is being written has no name yet, and may be gone in the next moment.
        unfinished = shutil.ignore_patterns("*.partial", ".partial-*")
        # The database first: what it names in the folders is there before, and stays.
        if settings.is_embedded:
            with opened(settings) as store:
                _copy_sqlite(store, partial / "dva.db")
        for folder in (settings.bundles, settings.licences, settings.pools, settings.scores):
            if folder.is_dir():
                shutil.copytree(folder, partial / folder.name, ignore=unfinished)
        for folder in (
            *settings.workbench.glob("*/selections"),
            *settings.workbench.glob("*/lists"),
        ):
            # Snapshots are read anew from the scores.
            shutil.copytree(folder, partial / folder.relative_to(settings.data), ignore=unfinished)
        if (settings.data / FILE).is_file():
            shutil.copy2(settings.data / FILE, partial / FILE)
        put(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    click.echo(f"{target} holds what {settings.data} held.", err=True)
    if not settings.is_embedded:
        click.echo(
            "The database is to be copied before, with pg_dump: docs/operations.md.", err=True
        )


def _copy_sqlite(store: Database, path: Path) -> None:
    """One consistent view, whatever is written meanwhile; without the free pages."""
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # SQLAlchemy begins a transaction of its own, which VACUUM can't be in.
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("VACUUM INTO ?", (str(path),))
        connection.exec_driver_sql("BEGIN")


@click.command(epilog="Example: dva copy-database postgresql://dva@/dva --data data")
@click.argument("target")
@data_options
def copy_database(target: str, data: Path | None, database: str | None) -> None:
    """Copy the database into the empty one at TARGET, a URL; from SQLite to PostgreSQL, say. Stop
    the server first."""
    settings = read_settings(data=data, database=database)
    there = Database(Settings(database=target).database_url)
    try:
        migrate(there)
        with opened(settings) as here, bar("tables", unit="table") as progress:
            _copy_rows(here, there, progress)
    finally:
        there.close()
    click.echo("Copied. Set DVA_DATABASE to the new address, and start the server.", err=True)


def _copy_rows(here: Database, there: Database, progress: Callable[[int, int], None]) -> None:
    """All or nothing, table by table, those first that others refer to."""
    tables = Base.metadata.sorted_tables
    with here.engine.connect() as source, there.write() as session:
        target = session.connection()
        for table in tables:
            if target.scalar(select(func.count()).select_from(table)):
                raise BackupError(
                    "The other database isn't empty.", next_step="Make a new one: createdb NAME"
                )
        for number, table in enumerate(tables, start=1):
            # A lease may name one that was claimed before it.
            order = [table.c.claimed_at] if "claimed_at" in table.c else []
            rows = source.execution_options(stream_results=True).execute(
                select(table).order_by(*order, *table.primary_key)
            )
            for part in rows.mappings().partitions(ROWS):
                target.execute(table.insert(), [dict(row) for row in part])
            if target.dialect.name == "postgresql":
                _count_on(target, table.name, [column.name for column in table.primary_key])
            progress(number, len(tables))


def _count_on(target: Connection, table: str, keys: list[str]) -> None:
    """PostgreSQL's own counter of ids begins after those that were copied."""
    if keys != ["id"]:
        return
    sequence = target.scalar(text("SELECT pg_get_serial_sequence(:table, 'id')"), {"table": table})
    if sequence is not None:
        highest = text(f"SELECT setval(:sequence, coalesce(max(id), 0) + 1, false) FROM {table}")  # noqa: S608
        target.execute(highest, {"sequence": sequence})
