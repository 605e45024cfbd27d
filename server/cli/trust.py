"""`dva trust`: an operator looks at who was stopped, and decides."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from server.cli.opened import opened
from server.cli.options import data_options
from server.config import read_settings
from server.db import now
from server.trust import operator
from server.trust.operator import Standing


@click.group(epilog="Example: dva trust list --data data")
def trust() -> None:
    """Who was stopped by audits and why; suspending and restoring contributors and devices."""


@trust.command("list", epilog="Example: dva trust list --data data")
@click.option("--all", "everybody", is_flag=True, help="Not only those that were stopped.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="A JSON array, for programs.")
@data_options
def list_(
    everybody: bool, limit: int, as_json: bool, data: Path | None, database: str | None
) -> None:
    """Devices, those that were stopped last first."""
    with opened(read_settings(data=data, database=database)) as store, store.read() as session:
        found = operator.listed(session, only_stopped=not everybody, limit=limit)
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], indent=2, default=_plain))
        return
    for each in found:
        click.echo(_line(each))
    click.echo(f"{len(found)} devices", err=True)


@trust.command("show", epilog="Example: dva trust show 98511b969188e460cfeb13bae271ef0e")
@click.argument("name", metavar="DEVICE|CONTRIBUTOR")
@data_options
def show(name: str, data: Path | None, database: str | None) -> None:
    """A device, or all of a contributor's, with the newest audits; as JSON."""
    with opened(read_settings(data=data, database=database)) as store, store.read() as session:
        found = operator.shown(session, name)
    rows = [
        {**asdict(standing), "audits": [asdict(audit) for audit in audits]}
        for standing, audits in found
    ]
    click.echo(json.dumps(rows, indent=2, default=_plain))


@trust.command(epilog="Example: dva trust suspend 98511b969188e460cfeb13bae271ef0e --data data")
@click.argument("name", metavar="DEVICE|CONTRIBUTOR")
@data_options
def suspend(name: str, data: Path | None, database: str | None) -> None:
    """No more work for a contributor, or for one device. What they posted is audited as before."""
    with opened(read_settings(data=data, database=database)) as store, store.write() as session:
        operator.suspend(session, name, now())
    click.echo(f"{name} gets no more work.")


@trust.command(epilog="Example: dva trust restore 98511b969188e460cfeb13bae271ef0e --data data")
@click.argument("name", metavar="DEVICE|CONTRIBUTOR")
@data_options
def restore(name: str, data: Path | None, database: str | None) -> None:
    """Let a contributor, or one device of theirs, work again. They begin anew, on probation; what
    was rejected stays so."""
    with opened(read_settings(data=data, database=database)) as store, store.write() as session:
        operator.restore(session, name)
    click.echo(f"{name} may work again, on probation.")


def _line(each: Standing) -> str:
    time = each.stopped_at.isoformat(sep=" ", timespec="seconds") if each.stopped_at else "-"
    return (
        f"{each.device}  {each.state:<11}  {each.confirmed:>7} confirmed  {each.passed:>5} passed"
        f"  {each.failed:>3} failed  {time:<25}  {each.stopped_for or '-'}"
        f"  contributor {each.contributor}"
    )


def _plain(value: object) -> str:
    assert isinstance(value, datetime)
    return value.isoformat()
