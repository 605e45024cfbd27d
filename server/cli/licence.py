"""Asking the operator for a licence: shown whole, answered once."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

import click
from dva_agent.bundle import Manifest

from server.cli.options import Command
from server.config import Settings
from server.db import now
from server.errors import LicenceError
from server.pools import licences


def accept_option(command: Command) -> Command:
    return click.option(
        "--accept-license",
        "accepted",
        is_flag=True,
        help="Say that you have read and accept the licence of the model, without being asked.",
    )(command)


def require_acceptance(
    settings: Settings, folder: Path, manifest: Manifest, *, accepted: bool
) -> bool:
    """Sees to it that the operator has accepted the licence of the bundle in `folder`, and records
    it. On a terminal they are shown the text and asked, unless they have `accepted` it already.
    Returns whether something was recorded. Raises LicenceError, BundleError."""
    if licences.is_accepted(settings, manifest):
        return False
    text = licences.licence_text(folder, manifest)
    if not accepted:
        _ask(folder, manifest, text)
    licences.accept(settings, manifest, by=_account(), at=now())
    return True


def _ask(folder: Path, manifest: Manifest, text: str) -> None:
    licence = manifest.licence
    where = f", {licence.url}" if licence.url else ""
    about = f"{manifest.name} comes under a licence: {licence.name}{where}"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise LicenceError(f"{about}. Its text: {folder / licence.path}")
    click.echo(_plain(f"{about}.\n\n{text.rstrip()}\n"), err=True)
    if not click.confirm("Do you accept it, for this server?", err=True):
        raise LicenceError(
            "The licence was not accepted.", next_step="Nothing has changed; no model is served."
        )


def _plain(text: str) -> str:
    """Without what a terminal would take for a command."""
    return "".join(letter for letter in text if letter in "\n\t" or letter.isprintable())


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may have a user without a name
        return f"uid {os.getuid()}"
