"""`dva takedown`: a pair, a picture or a host is gone from every pool."""

from __future__ import annotations

import json
from pathlib import Path

import click

from server.cli.noted import note, user
from server.cli.opened import bar, opened
from server.cli.options import data_options
from server.config import Settings, read_settings
from server.db import Database, now
from server.errors import PoolError
from server.pools.search import Sought, sought
from server.reports import takedowns


@click.command(
    epilog="Example: dva takedown --url-host images.example.org --why 'their letter of 3 May'"
)
@click.option("--uid", help="The pair with this uid.")
@click.option("--sha256", help="Pairs whose picture, or its original, has this sha256.")
@click.option("--url-host", help="All pairs that came from this host, or from one under it.")
@click.option("--why", help="For the record: who asked, and on what ground.")
@click.option("--list", "list_", is_flag=True, help="Show what was taken down, when, by whom.")
@click.option("--json", "as_json", is_flag=True, help="With --list: a JSON array, for programs.")
@data_options
def takedown(
    uid: str | None,
    sha256: str | None,
    url_host: str | None,
    why: str | None,
    list_: bool,
    as_json: bool,
    data: Path | None,
    database: str | None,
) -> None:
    """Take a pair, a picture or a host's pairs out of every pool: out of leases, score tables and
    selections, and out of what is taken in later. May be repeated, and goes on where it was."""
    settings = read_settings(data=data, database=database)
    named = [("uid", uid), ("sha256", sha256), ("url_host", url_host)]
    given = [(kind, value) for kind, value in named if value is not None]
    if list_:
        if given or why:
            raise click.UsageError("--list goes alone.")
        with opened(settings) as store:
            _list(store, as_json)
        return
    if len(given) != 1:
        raise click.UsageError("Name one of --uid, --sha256 and --url-host.")
    if not why or not why.strip():
        raise click.UsageError("Say --why: it is the record.")
    [(kind, value)] = given
    with opened(settings) as store:
        _take_down(store, settings, sought(kind, value), why.strip())  # type: ignore[arg-type]


def _take_down(store: Database, settings: Settings, wanted: Sought, why: str) -> None:
    at = now()
    with store.write() as session:
        number = takedowns.order(session, wanted, why=why, by=user(), at=at)
        note(session, "takedown", f"{wanted.kind} {wanted.value}", why=why)
    with bar("look", unit="shard") as progress:
        found = takedowns.carry_out(store, settings, number, at, progress)
    by_pool = ", ".join(f"{pool} {pairs:,}" for pool, pairs in sorted(found.pairs.items()))
    click.echo(f"{found.pairs.total():,} pairs are taken down{': ' if by_pool else ''}{by_pool}")
    for shard, reason in found.missed.items():
        click.echo(f"{shard}: {reason}", err=True)
    if found.missed:
        raise PoolError(
            f"{len(found.missed)} shards could not be looked at.",
            code="takedown_incomplete",
            next_step="Put their files back, then repeat the command. The others are done.",
        )


def _list(store: Database, as_json: bool) -> None:
    with store.read() as session:
        found = takedowns.listed(session)
    if as_json:
        click.echo(json.dumps([_record(each) for each in found], indent=2))
        return
    for each in found:
        time = each.ordered_at.isoformat(sep=" ", timespec="seconds")
        what = f"{each.kind} {each.value}"
        open_ = "" if each.done_at else "NOT FINISHED: repeat it  "
        click.echo(
            f"{each.id:>6}  {time}  {each.ordered_by}  {what}  {each.pairs:,} pairs  "
            f"{open_}{each.why}"
        )
    click.echo(f"{len(found)} in all", err=True)


def _record(each: takedowns.Listed) -> dict[str, object]:
    return {
        "number": each.id,
        "kind": each.kind,
        "value": each.value,
        "why": each.why,
        "ordered_by": each.ordered_by,
        "ordered_at": each.ordered_at.isoformat(),
        "done_at": each.done_at.isoformat() if each.done_at else None,
        "pairs": each.pairs,
    }
