"""`dva identity`: who contributes from this terminal."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click
from dva_agent.account import Me
from dva_agent.credit import ADDRESS
from dva_agent.native import account
from dva_agent.native.identity import (
    IdentityFile,
    account_of,
    contributor_of,
    default_path,
    new_phrase,
)
from dva_agent.protocol import encode

from server.cli.options import Command, checked_server, identity_option

LONGEST_LINE = 4096


@click.group(epilog="Example: dva identity show --server http://127.0.0.1:8000")
def identity() -> None:
    """Who you are: a recovery phrase, and the devices that work for you."""


def server_option(command: Command) -> Command:
    return click.option(
        "--server", required=True, callback=checked_server, help="The server's address."
    )(command)


@identity.command(epilog="Example: dva identity new")
@identity_option
def new(identity: Path | None) -> None:
    """Make a phrase. `dva agent` does so by itself when it first runs."""
    _keep(_file(identity), new_phrase())


@identity.command(epilog="Example: dva identity recover < phrase.txt")
@identity_option
def recover(identity: Path | None) -> None:
    """Be who you are elsewhere: reads the twelve words of your phrase."""
    _keep(_file(identity), _phrase())


@identity.command(epilog="Example: dva identity show --phrase")
@identity_option
@click.option("--phrase", is_flag=True, help="Print the twelve words. Let nobody else see them.")
@click.option("--server", callback=checked_server, help="Ask this server what it knows of you.")
def show(identity: Path | None, phrase: bool, server: str | None) -> None:
    """Print who you are, and with --server your devices there."""
    file = _file(identity)
    kept = file.phrase()
    click.echo(f"The phrase and the keys are in {file.path}.", err=True)
    if phrase:
        click.echo(kept)
        return
    if server is None:
        click.echo(contributor_of(account_of(kept).public_key().public_bytes_raw()))
        return
    _print(account.look(server, file.identity(server)))


@identity.command(epilog="Example: dva identity rename Ada --server http://127.0.0.1:8000")
@click.argument("name", required=False)
@click.option("--anonymous", is_flag=True, help="No name at all.")
@server_option
@identity_option
def rename(name: str | None, anonymous: bool, server: str, identity: Path | None) -> None:
    """Choose the NAME that the server's pages show."""
    if (name is None) != anonymous:
        raise click.UsageError("Give a name, or --anonymous.")
    _print(account.rename(server, _file(identity).identity(server), name))


@identity.command(epilog="Example: dva identity revoke 0f3c... --server http://127.0.0.1:8000")
@click.argument("device")
@server_option
@identity_option
def revoke(device: str, server: str, identity: Path | None) -> None:
    """Let a lost DEVICE in no more; `dva identity show --server` lists them."""
    _print(account.revoke(server, _file(identity).identity(server), device))


@identity.command(epilog="Example: dva identity credit --server http://127.0.0.1:8000")
@server_option
@identity_option
def credit(server: str, identity: Path | None) -> None:
    """Print what all your devices have earned there: pairs and credits (millions of floating-point
    operations), pending, confirmed, forfeited and taken back."""
    found = account.credit_of(server, _file(identity).identity(server))
    amounts = {
        "pending": found.pending,
        "confirmed": found.confirmed,
        "forfeited": found.forfeited,
        "revoked": found.revoked,
    }
    for name, amount in amounts.items():
        click.echo(f"{name}\t{amount.pairs}\t{amount.credits}")
    click.echo(f"payout\t{found.payout or ''}")


@identity.command(epilog="Example: dva identity proof --server http://127.0.0.1:8000 > proof.json")
@click.option("--epoch", type=click.IntRange(1), help="Its number. [default: the latest]")
@server_option
@identity_option
def proof(epoch: int | None, server: str, identity: Path | None) -> None:
    """Print the proof that your credit is in an epoch's statement; `dva epoch verify` checks it
    against the root that was published."""
    click.echo(encode(account.proof(server, _file(identity).identity(server), epoch)))


@identity.command(epilog="Example: dva identity payout ADDRESS --server http://127.0.0.1:8000")
@click.argument("address", required=False)
@click.option("--none", "nowhere", is_flag=True, help="To no address.")
@server_option
@identity_option
def payout(address: str | None, nowhere: bool, server: str, identity: Path | None) -> None:
    """Have later epochs name ADDRESS beside your credit, for whoever pays it out. Everybody can
    read it there."""
    if (address is None) != nowhere:
        raise click.UsageError("Give an address, or --none.")
    if address is not None and not re.fullmatch(ADDRESS, address):
        raise click.UsageError("An address has 8 to 128 letters, digits and _:.- in it.")
    kept = account.attach_payout(server, _file(identity).identity(server), address)
    click.echo(kept.address or "", err=True)


@identity.command(epilog="Example: dva identity delete --server http://127.0.0.1:8000")
@click.option("--yes", is_flag=True, help="Don't ask.")
@server_option
@identity_option
def delete(yes: bool, server: str, identity: Path | None) -> None:
    """Delete your account on a server. Scores and credit stay under a bare number; the same phrase
    doesn't bring the account back."""
    if not yes:
        click.confirm(f"Delete your account at {server} for good?", abort=True, err=True)
    left = account.delete(server, _file(identity).identity(server))
    click.echo(f"{left.contributor} is forgotten at {server}.", err=True)


def _file(path: Path | None) -> IdentityFile:
    return IdentityFile(path or default_path())


def _keep(file: IdentityFile, phrase: str) -> None:
    file.create(phrase)
    click.echo(contributor_of(account_of(phrase).public_key().public_bytes_raw()))
    click.echo(f"The phrase is in {file.path}: keep a copy of it.", err=True)


def _phrase() -> str:
    """Never an argument: those are in the shell's history and in the list of processes."""
    if not sys.stdin.isatty():
        return sys.stdin.readline(LONGEST_LINE)
    typed: str = click.prompt("Recovery phrase", hide_input=True, err=True)
    return typed


def _print(me: Me) -> None:
    """A line for the contributor, then one for each device."""
    click.echo(f"{me.contributor}\t{me.state}\t{me.display_name or ''}")
    for device in me.devices:
        states = [
            word
            for word, holds in (
                ("this", device.this),
                ("revoked", device.revoked),
                ("quarantined", device.quarantined),
            )
            if holds
        ]
        click.echo(
            f"{device.device}\t{device.platform}\t{device.device_class}"
            f"\t{device.last_seen_at.isoformat(timespec='minutes')}\t{' '.join(states)}"
        )
