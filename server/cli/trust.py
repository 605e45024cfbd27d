"""`dva trust`: an operator looks at who was stopped and what was set aside, and decides."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from server.cli.noted import note, user
from server.cli.opened import opened
from server.cli.options import data_options
from server.cli.replication import aside, policy, reopen
from server.config import read_settings
from server.db import now
from server.trust import operator
from server.trust.operator import SetAside, Standing

NAME = "DEVICE|CONTRIBUTOR|POOL/SHARD|BUNDLE/RUNG/CLASS"


def _why(command: Callable[..., Any]) -> Callable[..., Any]:
    option = click.option("--why", default="", help="Kept with the decision, and your name.")
    return option(command)


@click.group(epilog="Example: dva trust list --data data")
def trust() -> None:
    """Who was stopped by audits, which kinds of devices and shards are set aside, and why;
    suspending and restoring; pools whose contributors check each other."""


for command in (policy, aside, reopen):
    trust.add_command(command)


@trust.command("list", epilog="Example: dva trust list --data data")
@click.option("--all", "everybody", is_flag=True, help="Not only those that are stopped.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@data_options
def list_(
    everybody: bool, limit: int, as_json: bool, data: Path | None, database: str | None
) -> None:
    """Kinds of devices and shards that are set aside, then devices, those that were stopped last
    first."""
    with opened(read_settings(data=data, database=database)) as store, store.read() as session:
        aside = operator.set_aside(session, ended=everybody)
        found = operator.listed(session, only_stopped=not everybody, limit=limit)
    if as_json:
        both = {
            "quarantines": [asdict(each) for each in aside],
            "devices": [asdict(each) for each in found],
        }
        click.echo(json.dumps(both, indent=2, default=_plain))
        return
    for quarantine in aside:
        click.echo(_quarantine(quarantine))
    for each in found:
        click.echo(_line(each))
    click.echo(f"{len(aside)} kinds of devices and shards, {len(found)} devices", err=True)


@trust.command("show", epilog="Example: dva trust show 98511b969188e460cfeb13bae271ef0e")
@click.argument("name", metavar=NAME)
@data_options
def show(name: str, data: Path | None, database: str | None) -> None:
    """What was decided about somebody or something, by whom and why; of a device, or all of a
    contributor's, the newest audits too; as JSON."""
    with opened(read_settings(data=data, database=database)) as store, store.read() as session:
        decided = operator.decided(session, name)
        found = [] if "/" in name else operator.shown(session, name)
    shown = {
        "decisions": [asdict(each) for each in decided],
        "devices": [
            {**asdict(standing), "audits": [asdict(audit) for audit in audits]}
            for standing, audits in found
        ],
    }
    click.echo(json.dumps(shown, indent=2, default=_plain))


@trust.command(epilog='Example: dva trust suspend demo/00007 --why "half a download" --data data')
@click.argument("name", metavar=NAME)
@_why
@data_options
def suspend(name: str, why: str, data: Path | None, database: str | None) -> None:
    """No more work for a contributor, one device or a kind of device, or on a shard. What people
    posted is audited as before; what is pending of a kind of device or a shard is given out anew,
    and nobody is held responsible for it."""
    with opened(read_settings(data=data, database=database)) as store, store.write() as session:
        operator.suspend(session, name, by=user(), reason=why, at=now())
        note(session, "suspended", name, why=why)
    click.echo(f"{name} gets no more work.")


@trust.command(epilog="Example: dva trust restore 98511b969188e460cfeb13bae271ef0e --data data")
@click.argument("name", metavar=NAME)
@_why
@data_options
def restore(name: str, why: str, data: Path | None, database: str | None) -> None:
    """Let a contributor, one device of theirs or a kind of device work again, or on a shard. People
    begin anew, on probation; what was rejected stays so."""
    with opened(read_settings(data=data, database=database)) as store, store.write() as session:
        operator.restore(session, name, by=user(), reason=why, at=now())
        note(session, "restored", name, why=why)
    click.echo(f"{name} is restored.")


def _quarantine(each: SetAside) -> str:
    until = f"until {_time(each.until)}" if each.until else "set aside"
    last = each.decisions[-1]
    # What devices call themselves is anything, and this goes to a terminal.
    name = "".join(letter if letter.isprintable() else "?" for letter in each.name)
    return f"{name}  {until}  since {_time(each.since)}  by {last.by}  {last.reason or '-'}"


def _line(each: Standing) -> str:
    time = _time(each.stopped_at) if each.stopped_at else "-"
    return (
        f"{each.device}  {each.state:<11}  {each.confirmed:>7} confirmed  {each.passed:>5} passed"
        f"  {each.failed:>3} failed  {time:<25}  {each.stopped_for or '-'}"
        f"  contributor {each.contributor}"
    )


def _time(at: datetime) -> str:
    return at.isoformat(sep=" ", timespec="seconds")


def _plain(value: object) -> str:
    assert isinstance(value, datetime)
    return value.isoformat()
