"""The `dva` command. Results go to stdout, progress and errors to stderr; status 0 is success."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click
from dva_agent.errors import DvaError
from sqlalchemy.exc import SQLAlchemyError
from tqdm import tqdm

from server.config import CHECKOUT, Settings, read_settings
from server.db import Database
from server.errors import PoolError
from server.migrations import migrate
from server.pools.ingest import ingest as ingest_pool
from server.pools.services import statuses
from server.selection.grade import grade as grade_pool
from server.selection.scores import write_scores
from server.serving import listen, run

DEMO_POOL = CHECKOUT / "build" / "demo-pool"
DEMO_BUNDLE = CHECKOUT / "static" / "models" / "demo-q8"
DEMO_APP = CHECKOUT / "static" / "app"

Command = Callable[..., Any]
FOLDER = click.Path(file_okay=False, path_type=Path)


def main() -> NoReturn:
    """Every expected failure is one or two lines that say what to do; only a bug shows a trace."""
    try:
        status = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except DvaError as error:
        click.echo(f"dva: {error} [{error.code}]", err=True)
        if error.next_step:
            click.echo(f"     {error.next_step}", err=True)
        sys.exit(1)
    except SQLAlchemyError as error:
        reason = str(error).splitlines()[0]
        click.echo(f"dva: The database can't be used: {reason} [database_failed]", err=True)
        click.echo("     Check DVA_DATABASE, or --database, and that it runs.", err=True)
        sys.exit(1)
    except OSError as error:
        click.echo(f"dva: {error} [system_failed]", err=True)
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dva", prog_name="dva")
def cli() -> None:
    """Score image-caption pools with a Data Filtering Network, in browser tabs and terminals."""


def _data_options(command: Command) -> Command:
    command = click.option(
        "--database",
        help="SQLAlchemy URL; SQLite at DATA/dva.db if neither this nor DVA_DATABASE is given.",
    )(command)
    return click.option("--data", type=FOLDER, help="The data folder. [default: data]")(command)


def _address_options(command: Command) -> Command:
    command = click.option("--host", default="127.0.0.1", show_default=True)(command)
    return click.option(
        "--port",
        type=click.IntRange(0, 65535),
        default=8000,
        show_default=True,
        help="0 takes a free one.",
    )(command)


@cli.command(epilog="Example: dva demo --data data --port 8000")
@_data_options
@_address_options
def demo(data: Path | None, database: str | None, host: str, port: int) -> None:
    """Serve the demo: ingest the demo pool once, then serve."""
    for path in (DEMO_POOL / "pool.json", DEMO_BUNDLE / "manifest.json", DEMO_APP):
        if not path.exists():
            raise PoolError(
                f"{path.relative_to(CHECKOUT)} isn't there.",
                code="demo_missing",
                next_step="Run: make setup",
            )
    settings = read_settings(data=data, database=database)
    with listen(host, port) as listener:
        try:
            with _opened(settings, create=True) as opened:
                _ingest(opened, settings, "demo", [DEMO_POOL], DEMO_BUNDLE)
        except PoolError as error:
            if error.code not in ("pool_bundle_differs", "shards_refused", "truth_differs"):
                raise
            raise PoolError(
                f"{settings.data} holds another version of the demo. {error}",
                code=error.code,
                next_step="Begin anew in another folder, with --data (make run DATA=...).",
            ) from error
        run(settings, listener)


@cli.command(epilog="Example: dva serve --data data --port 8000")
@_data_options
@_address_options
def serve(data: Path | None, database: str | None, host: str, port: int) -> None:
    """Serve the page, the API, bundles and shards."""
    settings = read_settings(data=data, database=database)
    with listen(host, port) as listener:
        with _opened(settings, create=True) as opened, opened.read() as session:
            if not statuses(session, {}):
                click.echo("No pool has been ingested yet: see dva ingest --help.", err=True)
        run(settings, listener)


@cli.command(epilog="Example: dva ingest demo build/demo-pool --bundle static/models/demo-q8")
@click.argument("pool")
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH...",
)
@click.option("--bundle", required=True, type=FOLDER, help="The bundle that scores this pool.")
@_data_options
def ingest(
    pool: str, paths: tuple[Path, ...], bundle: Path, data: Path | None, database: str | None
) -> None:
    """Take tars, or folders of tars, into POOL. They stay where they are; what is in already is
    skipped, so the command may be repeated."""
    settings = read_settings(data=data, database=database)
    with _opened(settings, create=True) as opened:
        _ingest(opened, settings, pool, list(paths), bundle)


@cli.command(epilog="Example: dva agent --server http://127.0.0.1:8000 --units 3")
@click.option("--server", required=True, help="The server's address.")
@click.option("--units", type=click.IntRange(1), help="Stop after so many units.")
@click.option("--pool", help="Work on this pool only.")
@click.option("--threads", type=click.IntRange(0), default=0, help="0 lets onnxruntime choose.")
@click.option("--cache", type=FOLDER, help="Where models are kept.")
def agent(
    server: str, units: int | None, pool: str | None, threads: int, cache: Path | None
) -> None:
    """Score pairs on this machine until the server has no more of them. Ctrl-C ends politely."""
    # Here, because the other commands run without onnxruntime.
    from dva_agent.native.agent import run_native_agent

    if not re.fullmatch(r"https?://[^/\s]+/?", server):
        raise click.BadParameter(
            f"{server!r} is no address: it is like http://127.0.0.1:8000", param_hint="--server"
        )
    done = run_native_agent(server, units=units, pool=pool, threads=threads, cache=cache)
    if done.ending == "stopped":
        raise click.exceptions.Exit(130)


@cli.command(epilog="Example: dva scores demo --data data --out scores")
@click.argument("pool")
@click.option("--out", required=True, type=FOLDER, help="Where the Parquet files go.")
@_data_options
def scores(pool: str, out: Path, data: Path | None, database: str | None) -> None:
    """Write POOL's scores as Parquet, one file a shard."""
    settings = read_settings(data=data, database=database)
    with _opened(settings) as opened, _bar("shards", unit="shard") as progress:
        done = write_scores(opened, settings, pool=pool, out=out, progress=progress)
    click.echo(
        f"{done.pairs} of {done.pairs_total} pairs ({done.scored} with a score) "
        f"in {done.files} files in {out}"
    )


@cli.command(epilog="Example: dva grade demo --data data")
@click.argument("pool")
@_data_options
def grade(pool: str, data: Path | None, database: str | None) -> None:
    """Compare POOL's scores with its truth; prints JSON."""
    settings = read_settings(data=data, database=database)
    with _opened(settings) as opened:
        click.echo(json.dumps(grade_pool(opened, settings, pool=pool), indent=2))


@contextmanager
def _opened(settings: Settings, *, create: bool = False) -> Iterator[Database]:
    """The database with its schema up to date. `create`: the data folder too, if need be."""
    if not create and not settings.data.is_dir():
        raise PoolError(
            f"There is no data folder {settings.data}.",
            code="data_missing",
            next_step="Say where it is with --data; dva ingest makes a new one.",
        )
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PoolError(f"The data folder can't be made: {error}", code="data_folder") from error
    database = Database(settings.database_url)
    try:
        migrate(database)
        yield database
    finally:
        database.close()


def _ingest(
    database: Database, settings: Settings, pool: str, paths: list[Path], bundle: Path
) -> None:
    with _bar("ingest", unit="B", unit_scale=True) as progress:
        done = ingest_pool(
            database, settings, pool=pool, paths=paths, bundle=bundle, progress=progress
        )
    for path, error in done.refused:
        click.echo(f"{path}: {error} [{error.code}]", err=True)
    click.echo(
        f"{pool}: {done.added} shards added ({done.pairs} pairs in {done.units} units), "
        f"{done.skipped} in already, {len(done.refused)} refused; bundle {done.bundle}",
        err=True,
    )
    if done.refused:
        raise PoolError(
            f"{len(done.refused)} of the shards could not be taken in.",
            code="shards_refused",
            next_step="The lines above say why. The others are in; the command may be repeated.",
        )


@contextmanager
def _bar(title: str, **options: Any) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr, as a function of (done, total)."""
    # A log wants no ten lines a second.
    every = 0.1 if sys.stderr.isatty() else 10.0
    with tqdm(desc=title, file=sys.stderr, mininterval=every, **options) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show
