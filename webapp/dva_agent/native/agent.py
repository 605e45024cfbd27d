"""An agent in a terminal: what `dva agent` runs."""

from __future__ import annotations

import asyncio
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dva_agent.arrival import Visitor
from dva_agent.assembly import assemble
from dva_agent.bundle import Manifest
from dva_agent.clock import SystemClock
from dva_agent.errors import IdentityExists
from dva_agent.ladder import WITHOUT_MODEL
from dva_agent.native.engine import NativeEngine
from dva_agent.native.identity import (
    IdentityFile,
    NativeIdentity,
    default_path,
    new_phrase,
)
from dva_agent.native.reader import NativeReader
from dva_agent.native.store import BundleStore, default_cache
from dva_agent.native.terminal import Terminal
from dva_agent.native.transport import HttpTransport
from dva_agent.protocol import Device, Rung
from dva_agent.runner import Errand, Runner, Summary


def run_native_agent(
    server: str,
    *,
    units: int | None = None,
    pool: str | None = None,
    cache: Path | None = None,
    threads: int = 0,
    identity: Path | None = None,
) -> Summary:
    """Score units of `server` (its origin) until `units` are stored or its pools are drained.
    Ctrl-C finishes and submits what is held, a second one gives it back at once. `cache`: where
    models are kept, by default $XDG_CACHE_HOME/dva. `threads`: 0 lets onnxruntime choose.
    `identity`: the file of who works, made if it isn't there; by default that of
    native/identity.py. Progress goes to stderr. Raises DvaError."""
    who = _identity(IdentityFile(identity or default_path()), server)
    return asyncio.run(_run(server, who, units=units, pool=pool, cache=cache, threads=threads))


def _identity(file: IdentityFile, server: str) -> NativeIdentity:
    """At first use a phrase is made, and it is said where it is kept."""
    if not file.exists():
        with suppress(IdentityExists):  # of two that come at once, one made it
            file.create(new_phrase())
            print(
                f"You are a new contributor. The phrase that proves it is in {file.path}:"
                " keep a copy of it.",
                file=sys.stderr,
            )
    return file.identity(server.rstrip("/"))


async def _run(
    server: str,
    identity: NativeIdentity,
    *,
    units: int | None,
    pool: str | None,
    cache: Path | None,
    threads: int,
) -> Summary:
    # Pillow remarks on odd EXIF data; a web-scraped pool is full of it.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    transport = HttpTransport()
    terminal = Terminal()
    store = BundleStore(
        cache=cache or default_cache(), transport=transport, progress=terminal.downloading
    )

    async def open_engine(rung: Rung, manifest: Manifest, url: str) -> NativeReader:
        if rung == WITHOUT_MODEL:
            return NativeReader(manifest=manifest, source=transport)
        folder = await store.towers(manifest, url)
        return NativeEngine(manifest=manifest, folder=folder, source=transport, threads=threads)

    runner = assemble(
        server=server,
        identity=identity,
        transport=transport,
        rungs=["native"],
        open_engine=open_engine,
        observer=terminal,
        visitor=Visitor(platform="native", label="terminal", save=_forget),
        errand=Errand(pool=pool, units=units, until_drained=True),
        clock=SystemClock(),
    )
    try:
        with _stopped_by_signals(runner):
            summary = await runner.run()
        terminal.done(summary)
        return summary
    finally:
        terminal.close()
        await transport.close()


def _forget(device: Device) -> None:
    """Its key is what makes a terminal the same device the next time."""
    del device


@contextmanager
def _stopped_by_signals(runner: Runner) -> Iterator[None]:
    """SIGINT and SIGTERM stop politely the first time, at once the second."""
    loop = asyncio.get_running_loop()
    asked = False

    def stop() -> None:
        nonlocal asked
        runner.stop(finish=not asked)
        asked = True

    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
