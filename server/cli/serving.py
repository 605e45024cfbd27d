"""`dva demo` and `dva serve`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click
from dva_agent.protocol import PoolStatus

from server.cli.ingest import ingest_into
from server.cli.opened import opened
from server.cli.options import address_options, data_options
from server.config import CHECKOUT, Settings, read_settings
from server.errors import PoolError
from server.pools.services import statuses, with_licences
from server.serving import listen, run

DEMO_POOL = CHECKOUT / "build" / "demo-pool"
DEMO_BUNDLE = CHECKOUT / "static" / "models" / "demo-q8"
DEMO_APP = CHECKOUT / "static" / "app"
AUDITOR_GRACE_S = 10


@click.command(epilog="Example: dva demo --data data --port 8000")
@data_options
@address_options
def demo(data: Path | None, database: str | None, host: str, port: int) -> None:
    """Serve the demo: ingest the demo pool once, then serve, and audit what comes in."""
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
            with opened(settings, create=True) as store:
                ingest_into(store, settings, "demo", [DEMO_POOL], DEMO_BUNDLE)
        except PoolError as error:
            if error.code not in ("pool_bundle_differs", "shards_refused", "truth_differs"):
                raise
            raise PoolError(
                f"{settings.data} holds another version of the demo. {error}",
                code=error.code,
                next_step="Begin anew in another folder, with --data (make run DATA=...).",
            ) from error
        with auditor_beside(settings):
            run(settings, listener)


@contextmanager
def auditor_beside(settings: Settings) -> Iterator[None]:
    """`dva audit` as a process of its own, that ends with this one, however that ends. In a session
    of its own, so that a signal from the terminal is for this one to pass on. With one thread, for
    whoever tries the demo scores on the same machine."""
    owner = os.getpid()
    command = [sys.executable, "-m", "server", "audit", "--threads", "1"]
    command += ["--parent", str(owner), "--data", str(settings.data)]
    # In the environment, since anybody may read a command line, and a URL may hold a password.
    environment = {**os.environ, "DVA_DATABASE": settings.database}
    process = subprocess.Popen(  # noqa: S603 - our own command
        command, env=environment, start_new_session=True
    )
    try:
        yield
    finally:
        # Workers leave through here as well.
        if os.getpid() == owner:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(AUDITOR_GRACE_S)
            process.kill()
            process.wait()


@click.command(epilog="Example: dva serve --data data --port 8000")
@data_options
@address_options
def serve(data: Path | None, database: str | None, host: str, port: int) -> None:
    """Serve the page, the API, bundles and shards."""
    settings = read_settings(data=data, database=database)
    with listen(host, port) as listener:
        with opened(settings, create=True) as store, store.read() as session:
            announce(settings, statuses(session, {}))
        run(settings, listener)


def announce(settings: Settings, pools: list[PoolStatus]) -> None:
    """What will keep contributors waiting."""
    if not pools:
        click.echo("No pool has been ingested yet: see dva ingest --help.", err=True)
    for pool in with_licences(settings, pools):
        if not pool.licence_accepted:
            click.echo(
                f"{pool.pool}: the licence of its model isn't accepted, so nothing of it is handed "
                f"out. Read it and accept it: dva bundle accept {pool.bundle}",
                err=True,
            )
