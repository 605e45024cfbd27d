"""`dva epoch`: credit up to now, closed and published so that anybody can check it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from server.cli.opened import opened
from server.cli.options import FILE, FOLDER, data_options
from server.config import read_settings
from server.contributors import account
from server.credit import epochs, statement
from server.db import now
from server.errors import EpochError

MAX_STATEMENT = 1 << 30


@click.group("epoch", epilog="Example: dva epoch close --data data")
def epoch() -> None:
    """Close an epoch of credit, list them, and check what one says."""


@epoch.command("close", epilog="Example: dva epoch close --output statements --data data")
@click.option(
    "--output",
    type=FOLDER,
    default=Path(),
    help="The folder for epoch-N.csv and epoch-N.root. [default: this one]",
)
@data_options
def close(output: Path, data: Path | None, database: str | None) -> None:
    """End the running epoch: write who earned what as CSV, and the Merkle root over its lines.
    Publish both, the root also where nobody can change it later."""
    output.mkdir(parents=True, exist_ok=True)
    with opened(read_settings(data=data, database=database)) as store:
        with store.write() as session:
            payouts = account.payouts(session)
            closed = epochs.close(session, now(), lambda who: payouts.get(who, ""))
        with store.read() as session:
            lines = epochs.lines_of(session, closed.number)
    path = output / f"epoch-{closed.number}.csv"
    path.write_bytes(statement.csv(lines))
    path.with_suffix(".root").write_text(f"{closed.root}\n")
    click.echo(
        f"{path}: epoch {closed.number}, {closed.contributors:,} contributors,"
        f" {closed.earned:,} credits",
        err=True,
    )
    click.echo(closed.root)


@epoch.command("csv", epilog="Example: dva epoch csv 1 --data data > epoch-1.csv")
@click.argument("number", type=click.IntRange(1))
@data_options
def csv(number: int, data: Path | None, database: str | None) -> None:
    """The statement of a closed epoch again, to stdout."""
    with opened(read_settings(data=data, database=database)) as store, store.read() as session:
        lines = epochs.lines_of(session, number)
    click.echo(statement.csv(lines), nl=False)


@epoch.command("list", epilog="Example: dva epoch list --data data")
@click.option("--json", "as_json", is_flag=True, help="A JSON array, for programs.")
@data_options
def list_(as_json: bool, data: Path | None, database: str | None) -> None:
    """The closed epochs, oldest first."""
    with opened(read_settings(data=data, database=database)) as store, store.read() as session:
        found = epochs.listed(session)
    if as_json:
        rows = [{**asdict(each), "closed_at": each.closed_at.isoformat()} for each in found]
        click.echo(json.dumps(rows, indent=2))
        return
    for each in found:
        time = each.closed_at.isoformat(sep=" ", timespec="seconds")
        click.echo(
            f"{each.number:>4}  {time}  {each.contributors:>8,} contributors"
            f"  {each.earned:>16,} credits  {each.root}"
        )


@epoch.command("verify", epilog="Example: dva epoch verify epoch-1.csv $(cat epoch-1.root)")
@click.argument("file", type=FILE)
@click.argument("root")
def verify(file: Path, root: str) -> None:
    """Check a statement (CSV), or one contributor's proof (JSON, from GET /me/proof), against the
    ROOT that was published. Needs no server and no data folder."""
    if file.stat().st_size > MAX_STATEMENT:
        raise EpochError(f"{file} is too large to be a statement.")
    click.echo(statement.verify(file.read_bytes(), root.strip().lower()))
