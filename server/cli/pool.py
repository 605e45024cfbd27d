"""`dva pool`: which pools are worked on, and which first."""

from __future__ import annotations

from pathlib import Path

import click

from server.cli.noted import note
from server.cli.opened import opened
from server.cli.options import data_options
from server.config import read_settings
from server.pools import steering


@click.group(epilog="Example: dva pool pause demo --data data")
def pool() -> None:
    """Pause a pool, let it go on, or say which of several is worked on first."""


@pool.command(epilog="Example: dva pool pause demo --data data")
@click.argument("name", metavar="POOL")
@data_options
def pause(name: str, data: Path | None, database: str | None) -> None:
    """Hand nothing of POOL out any more. What is leased is finished and taken."""
    with opened(read_settings(data=data, database=database)) as store, store.write() as session:
        changed = steering.pause(session, name)
        if changed:
            note(session, "pool paused", name)
    click.echo(f"{name} is paused{'' if changed else ' already'}.", err=True)


@pool.command(epilog="Example: dva pool resume demo --data data")
@click.argument("name", metavar="POOL")
@data_options
def resume(name: str, data: Path | None, database: str | None) -> None:
    """Let a paused POOL go on."""
    with opened(read_settings(data=data, database=database)) as store, store.write() as session:
        changed = steering.resume(session, name)
        if changed:
            note(session, "pool resumed", name)
    click.echo(f"{name} {'goes on' if changed else 'was not paused'}.", err=True)


@pool.command(epilog="Example: dva pool priority demo 10 --data data")
@click.argument("name", metavar="POOL")
@click.argument("wanted", type=int, metavar="PRIORITY")
@data_options
def priority(name: str, wanted: int, data: Path | None, database: str | None) -> None:
    """Of several pools the one with the highest PRIORITY is handed out first. They begin with 0."""
    with opened(read_settings(data=data, database=database)) as store, store.write() as session:
        before = steering.prioritise(session, name, wanted)
        if before != wanted:
            note(session, "priority changed", name, before=before, after=wanted)
    click.echo(f"{name} has priority {wanted}, and had {before}.", err=True)
