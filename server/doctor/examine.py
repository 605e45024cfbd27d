"""All checks, in the order a person would mend things."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from server.config import Settings, read_settings
from server.db import now
from server.doctor import buckets, checkout, data, machine, mirror, unfinished
from server.doctor.finding import Finding, problem
from server.errors import SettingsError

DEMO_BUNDLE = Path("static") / "models" / "demo-q8"
DEMO_POOL = Path("build") / "demo-pool"


def examine(
    root: Path,
    environment: Mapping[str, str],
    *,
    host: str,
    port: int,
    data_folder: Path | None,
    database: str | None,
) -> Iterator[Finding]:
    """`root`: the checkout."""
    yield machine.python()
    yield machine.packages(root / "requirements" / "run.txt")
    yield machine.open_files()
    yield checkout.app(root)
    yield checkout.packed(root / "static" / "app")
    yield checkout.bundle("demo-bundle", root / DEMO_BUNDLE, "Run: git checkout static/models")
    yield checkout.demo_pool(root / DEMO_POOL)
    try:
        settings = read_settings(environment, data=data_folder, database=database)
    except SettingsError as error:
        yield problem("settings", str(error), error.next_step)
        return
    yield from _of_settings(settings, root)
    yield machine.port(host, port)
    yield machine.secure_context(host, settings.proxies)
    yield machine.origins(settings.own_origins, settings.proxies)


def _of_settings(settings: Settings, root: Path) -> Iterator[Finding]:
    where = data.existing(settings.data)
    yield data.folder(settings.data)
    yield machine.disk(shutil.disk_usage(where).free, where)
    yield data.secret(settings)
    yield from data.database(settings)
    newest = (machine.newest_of([root / "requirements" / "run.txt"]), data.last_seen(settings))
    yield machine.clock(now(), max((time for time in newest if time), default=None))
    yield from data.ledger(settings)
    yield from data.shards(settings)
    yield from unfinished.unfinished(settings)
    yield from mirror.mirror(settings)
    yield from buckets.buckets(settings)
