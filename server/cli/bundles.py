"""`dva bundle`: the models that this server has, and whether it may hand them out."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from dva_agent.bundle import Manifest

from server.cli.licence import accept_option, require_acceptance
from server.cli.noted import note
from server.cli.opened import opened
from server.cli.options import data_options
from server.config import Settings, read_settings
from server.db import now
from server.errors import LicenceError
from server.pools import bundles, licences, steering


@click.group(epilog="Example: dva bundle list --data data")
def bundle() -> None:
    """Registered model bundles and their licences."""


@bundle.command("list", epilog="Example: dva bundle list --data data")
@click.option("--json", "as_json", is_flag=True, help="A JSON array, for programs.")
@data_options
def list_(as_json: bool, data: Path | None, database: str | None) -> None:
    """Each bundle of the data folder: its id, model, licence, and who accepted it when."""
    settings = read_settings(data=data, database=database)
    found = bundles.all_registered(settings.bundles)
    if as_json:
        records = [_record(settings, manifest) for manifest in found]
        click.echo(msgspec.json.format(msgspec.json.encode(records), indent=2).decode())
        return
    for manifest in found:
        size = sum(entry.bytes for entry in manifest.files)
        click.echo(f"{manifest.bundle}  {manifest.name}, {size / 1e6:,.1f} MB")
        click.echo(f"{'':34}{_licence(settings, manifest)}")
    click.echo(f"{len(found)} in all", err=True)


@bundle.command(epilog="Example: dva bundle accept 0123456789abcdef0123456789abcdef --data data")
@click.argument("identifier", metavar="ID")
@accept_option
@data_options
def accept(identifier: str, accepted: bool, data: Path | None, database: str | None) -> None:
    """Accept the licence of bundle ID, so that it is handed out. It is shown first. Every bundle
    with the very same text is accepted with it."""
    settings = read_settings(data=data, database=database)
    manifest = _find(settings, identifier)
    folder = settings.bundles / manifest.bundle
    if require_acceptance(settings, folder, manifest, accepted=accepted):
        with opened(settings) as store, store.write() as session:
            note(session, "licence accepted", manifest.bundle, licence=manifest.licence.name)
    click.echo(_licence(settings, manifest))


@bundle.command(epilog="Example: dva bundle withdraw 0123456789abcdef0123456789abcdef --data data")
@click.argument("identifier", metavar="ID")
@data_options
def withdraw(identifier: str, data: Path | None, database: str | None) -> None:
    """Take the acceptance back: nothing of bundle ID is handed out any more, at once. What was
    leased before is still taken."""
    settings = read_settings(data=data, database=database)
    manifest = _find(settings, identifier)
    with opened(settings) as store, store.write() as session:
        note(session, "licence withdrawn", manifest.bundle, licence=manifest.licence.name)
        licences.withdraw(settings, manifest)
    click.echo(_licence(settings, manifest))


@bundle.command(epilog="Example: dva bundle stop 0123456789abcdef0123456789abcdef --data data")
@click.argument("identifier", metavar="ID")
@data_options
def stop(identifier: str, data: Path | None, database: str | None) -> None:
    """Hand out no more units of the pools of bundle ID. What is leased is finished and taken."""
    settings = read_settings(data=data, database=database)
    manifest = _find(settings, identifier)
    with opened(settings) as store, store.write() as session:
        changed = steering.stop_bundle(session, manifest.bundle, now())
        if changed:
            note(session, "bundle stopped", manifest.bundle, name=manifest.name)
    click.echo(f"{manifest.name} gets no new leases{'' if changed else ' already'}.", err=True)


@bundle.command(epilog="Example: dva bundle allow 0123456789abcdef0123456789abcdef --data data")
@click.argument("identifier", metavar="ID")
@data_options
def allow(identifier: str, data: Path | None, database: str | None) -> None:
    """Hand out units of the pools of bundle ID again."""
    settings = read_settings(data=data, database=database)
    manifest = _find(settings, identifier)
    with opened(settings) as store, store.write() as session:
        changed = steering.allow_bundle(session, manifest.bundle)
        if changed:
            note(session, "bundle allowed", manifest.bundle, name=manifest.name)
    click.echo(
        f"{manifest.name} {'is handed out again' if changed else 'was not stopped'}.", err=True
    )


def _find(settings: Settings, identifier: str) -> Manifest:
    for manifest in bundles.all_registered(settings.bundles):
        if manifest.bundle == identifier:
            return manifest
    raise LicenceError(
        f"There is no bundle {identifier} in {settings.data}.",
        code="bundle_unknown",
        next_step="dva bundle list shows those that are there.",
    )


def _licence(settings: Settings, manifest: Manifest) -> str:
    licence = " ".join(filter(None, (manifest.licence.name, manifest.licence.url)))
    if not licences.needs_acceptance(manifest):
        return f"{licence}: needs no acceptance"
    record = licences.acceptance(settings, manifest)
    if record is None:
        return f"{licence}: NOT ACCEPTED, not handed out"
    when = record.accepted_at.isoformat(sep=" ", timespec="seconds")
    return f"{licence}: accepted by {record.accepted_by}, {when}"


def _record(settings: Settings, manifest: Manifest) -> dict[str, object]:
    record = licences.acceptance(settings, manifest)
    return {
        "bundle": manifest.bundle,
        "name": manifest.name,
        "model": manifest.model,
        "bytes": sum(entry.bytes for entry in manifest.files),
        "licence": {"name": manifest.licence.name, "url": manifest.licence.url},
        "needs_acceptance": licences.needs_acceptance(manifest),
        "accepted": licences.is_accepted(settings, manifest),
        "accepted_at": record.accepted_at if record else None,
        "accepted_by": record.accepted_by if record else None,
    }
