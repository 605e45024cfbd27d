"""`dva reports`: an operator looks at what was reported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, cast, get_args

import click

from server.cli.noted import note
from server.cli.opened import opened
from server.cli.options import data_options
from server.config import read_settings
from server.db import now
from server.reports import services
from server.reports.services import Listed, State

STATES: tuple[str, ...] = get_args(State)


@click.group(epilog="Example: dva reports list demo --data data")
def reports() -> None:
    """Pairs that people have reported: list them, confirm or restore them."""


@reports.command("list", epilog="Example: dva reports list demo --data data")
@click.argument("pool", required=False)
@click.option(
    "--state",
    type=click.Choice([*STATES, "all"]),
    default="withheld",
    show_default=True,
    help="Only these.",
)
@click.option("--json", "as_json", is_flag=True, help="A JSON array, for programs.")
@data_options
def list_(
    pool: str | None,
    state: str,
    as_json: bool,
    data: Path | None,
    database: str | None,
) -> None:
    """What was reported, in POOL or in all pools, oldest first."""
    states = STATES if state == "all" else (state,)
    with opened(read_settings(data=data, database=database)) as store, store.read() as session:
        pairs = services.listed(session, pool=pool, states=cast(tuple[State, ...], states))
    if as_json:
        click.echo(json.dumps([_record(pair) for pair in pairs], indent=2))
        return
    for pair in pairs:
        click.echo(_line(pair))
    click.echo(f"{len(pairs)} in all ({', '.join(states)})", err=True)


@reports.command(epilog="Example: dva reports confirm 3 4 --data data")
@click.argument("numbers", nargs=-1, required=True, type=click.IntRange(1), metavar="NUMBER...")
@data_options
def confirm(numbers: tuple[int, ...], data: Path | None, database: str | None) -> None:
    """These pairs stay away for good."""
    _decide(numbers, "confirmed", data, database)


@reports.command(epilog="Example: dva reports restore 3 --data data")
@click.argument("numbers", nargs=-1, required=True, type=click.IntRange(1), metavar="NUMBER...")
@data_options
def restore(numbers: tuple[int, ...], data: Path | None, database: str | None) -> None:
    """Nothing is wrong with these pairs: they are handed out again, and can't be withheld by
    another report. What was scored while they were away keeps its gap."""
    _decide(numbers, "restored", data, database)


def _decide(
    numbers: tuple[int, ...],
    state: Literal["confirmed", "restored"],
    data: Path | None,
    database: str | None,
) -> None:
    with opened(read_settings(data=data, database=database)) as store, store.write() as session:
        changed = services.decide(session, numbers, state, now())
        note(session, f"reports {state}", " ".join(map(str, sorted(set(numbers)))), changed=changed)
    click.echo(f"{changed} of {len(set(numbers))} reported pairs are {state} now")


def _line(pair: Listed) -> str:
    reasons = ", ".join(f"{reason} {count}" for reason, count in pair.reasons.items())
    time = pair.reported_at.isoformat(sep=" ", timespec="seconds")
    return (
        f"{pair.id:>6}  {time}  {pair.state:<9}  {pair.pool}  {pair.shard}  {pair.unit}  "
        f"{pair.uid}  {reasons}"
    )


def _record(pair: Listed) -> dict[str, object]:
    return {
        "number": pair.id,
        "pool": pair.pool,
        "shard": pair.shard,
        "unit": pair.unit,
        "uid": pair.uid,
        "state": pair.state,
        "reasons": dict(pair.reasons),
        "reported_at": pair.reported_at.isoformat(),
        "decided_at": pair.decided_at.isoformat() if pair.decided_at else None,
    }
