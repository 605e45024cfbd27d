"""`dva admin`: who may see the operator's pages."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from server.admin import log, services
from server.admin.log import Entry
from server.admin.roles import MAINTAINER, MEANINGS, ROLES, Role
from server.cli.noted import note
from server.cli.opened import opened
from server.cli.options import Command, data_options
from server.config import read_settings
from server.db import now
from server.errors import AccountError

LONGEST_LINE = 4096
COMMANDS = "-"


@click.group(epilog="Example: dva admin create alice --data data")
def admin() -> None:
    """Accounts for the operator's pages, at /admin."""


def _password_option(command: Command) -> Command:
    return click.option(
        "--password-stdin", "from_stdin", is_flag=True, help="Read it from stdin, one line."
    )(command)


@admin.command(epilog="Example: dva admin create alice --role operator --data data")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default=MAINTAINER,
    show_default=True,
    help=" ".join(f"{role.capitalize()}: {MEANINGS[role]}." for role in ROLES),
)
@_password_option
@data_options
def create(
    name: str, role: Role, from_stdin: bool, data: Path | None, database: str | None
) -> None:
    """Make an account. Asks for its password twice."""
    settings = read_settings(data=data, database=database)
    password = _password(from_stdin)
    with opened(settings, create=True) as store, store.write() as session:
        services.create(session, name, password, now(), role)
        note(session, "account made", name, after=role)
    click.echo(f"{name} may sign in at /admin, as {role}.", err=True)
    if not settings.is_embedded and not settings.secret_key:
        click.echo("First set DVA_SECRET_KEY on the server: see docs/operations.md.", err=True)


@admin.command(epilog="Example: dva admin password alice --data data")
@click.argument("name")
@_password_option
@data_options
def password(name: str, from_stdin: bool, data: Path | None, database: str | None) -> None:
    """Set another password, and sign the account out everywhere."""
    settings = read_settings(data=data, database=database)
    chosen = _password(from_stdin)
    with opened(settings) as store, store.write() as session:
        services.change_password(session, name, chosen)
        note(session, "password changed", name)
    click.echo(f"{name} has a new password and is signed out everywhere.", err=True)


@admin.command(epilog="Example: dva admin remove alice --data data")
@click.argument("name")
@data_options
def remove(name: str, data: Path | None, database: str | None) -> None:
    """Delete an account, and sign it out everywhere."""
    settings = read_settings(data=data, database=database)
    with opened(settings) as store, store.write() as session:
        services.remove(session, name)
        note(session, "account removed", name)
    click.echo(f"{name} is no account any more.", err=True)


@admin.command("list", epilog="Example: dva admin list --data data")
@data_options
def list_accounts(data: Path | None, database: str | None) -> None:
    """Print the accounts, one a line: name, since when, and role."""
    settings = read_settings(data=data, database=database)
    with opened(settings) as store, store.read() as session:
        for account in services.accounts(session):
            since = account.created_at.isoformat(timespec="seconds")
            click.echo(f"{account.name}\t{since}\t{account.role}")


@admin.command(epilog="Example: dva admin role alice viewer --data data")
@click.argument("name")
@click.argument("wanted", type=click.Choice(ROLES), metavar="|".join(ROLES))
@data_options
def role(name: str, wanted: Role, data: Path | None, database: str | None) -> None:
    """Give an account another role. It holds at once, without signing in anew."""
    settings = read_settings(data=data, database=database)
    with opened(settings) as store, store.write() as session:
        before = services.change_role(session, name, wanted)
        if before != wanted:
            note(session, "role changed", name, before=before, after=wanted)
    click.echo(f"{name} is {wanted}{' already' if before == wanted else ''}.", err=True)


@admin.command("log", epilog="Example: dva admin log --subject demo --data data")
@click.option("--account", help=f'Only what this account did; "{COMMANDS}": only commands.')
@click.option("--subject", help="Only what was done to things with this in their name.")
@click.option("--limit", type=click.IntRange(1), default=log.SHOWN, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="A JSON array, for programs.")
@data_options
def show_log(
    account: str | None,
    subject: str | None,
    limit: int,
    as_json: bool,
    data: Path | None,
    database: str | None,
) -> None:
    """What operators did, on the pages and by commands, newest first."""
    settings = read_settings(data=data, database=database)
    with opened(settings) as store, store.read() as session:
        wanted = "" if account == COMMANDS else account
        found = log.entries(session, account=wanted, subject=subject, limit=limit)
    if as_json:
        click.echo(json.dumps([_record(entry) for entry in found], indent=2))
        return
    for entry in found:
        click.echo(_line(entry))
    click.echo(f"{len(found)} entries", err=True)


def _record(entry: Entry) -> dict[str, object]:
    return {
        "number": entry.number,
        "made_at": entry.made_at.isoformat(),
        "account": entry.account,
        "action": entry.action,
        "subject": entry.subject,
        "detail": dict(entry.detail),
    }


def _line(entry: Entry) -> str:
    who = entry.account or f"command line ({entry.detail.get('user', 'unknown')})"
    detail = json.dumps({name: value for name, value in entry.detail.items() if name != "user"})
    time = entry.made_at.isoformat(sep=" ", timespec="seconds")
    line = f"{time}  {who}  {entry.action}  {entry.subject}  {detail if detail != '{}' else ''}"
    # A subject may be named by a device, and this goes to a terminal.
    return "".join(letter if letter.isprintable() else "?" for letter in line.rstrip())


def _password(from_stdin: bool) -> str:
    """Never an argument: those are in the shell's history and in the list of processes."""
    if from_stdin:
        return sys.stdin.readline(LONGEST_LINE).rstrip("\r\n")
    if not sys.stdin.isatty():
        raise AccountError(
            "There is no terminal to type a password at.",
            code="password_missing",
            next_step="Give it on stdin, with --password-stdin.",
        )
    typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return typed
