"""`dva demo` and `dva serve`."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import click
from dva_agent.backoff import Backoff
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
AUDITOR_HALE_S = 600.0
"""Who has lived for so long doesn't die at each beginning."""
AUDITOR_BACKOFF = Backoff(first=2.0, longest=120.0)


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
    """`dva audit` as a process of its own, that ends with this one, however that ends, and is begun
    anew when it ends by itself."""
    owner = os.getpid()
    auditor = _Auditor(settings)
    try:
        yield
    finally:
        # Workers leave through here as well.
        if os.getpid() == owner:
            auditor.end()


class _Auditor:
    """In a session of its own, so that a signal from the terminal is for this process to pass on.
    With one thread, for whoever tries the demo scores on the same machine."""

    def __init__(self, settings: Settings) -> None:
        self._command = [sys.executable, "-m", "server", "audit", "--threads", "1"]
        self._command += ["--parent", str(os.getpid()), "--data", str(settings.data)]
        # In the environment, since anybody may read a command line, and a URL may hold a password.
        self._environment = {**os.environ, "DVA_DATABASE": settings.database}
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._process = self._begin()
        self._watch = threading.Thread(target=self._keep, daemon=True)
        self._watch.start()

    def end(self) -> None:
        with self._lock:
            self._ending.set()
            self._process.terminate()
        self._watch.join(AUDITOR_GRACE_S)
        self._process.kill()
        self._watch.join()

    def _begin(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own command
            self._command, env=self._environment, start_new_session=True
        )

    def _keep(self) -> None:
        failures = 0
        while True:
            began = monotonic()
            self._process.wait()
            failures = 0 if monotonic() - began > AUDITOR_HALE_S else failures + 1
            wait = AUDITOR_BACKOFF.delay(failures, chance=0.0)
            if not self._ending.is_set():
                click.echo(f"The auditor has ended; it begins anew in {wait:.0f} s.", err=True)
            self._ending.wait(wait)
            with self._lock:
                if self._ending.is_set():
                    return
                self._process = self._begin()


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
