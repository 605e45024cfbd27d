"""`dva admin`: who may see the operator's pages."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from server.admin import services
from server.cli.opened import opened
from server.cli.options import Command, data_options
from server.config import read_settings
from server.db import now
from server.errors import AccountError

LONGEST_LINE = 4096


@click.group(epilog="Example: dva admin create alice --data data")
def admin() -> None:
    """Accounts for the operator's pages, at /admin."""


def _password_option(command: Command) -> Command:
    return click.option(
        "--password-stdin", "from_stdin", is_flag=True, help="Read it from stdin, one line."
    )(command)


@admin.command(epilog="Example: dva admin create alice --data data")
@click.argument("name")
@_password_option
@data_options
def create(name: str, from_stdin: bool, data: Path | None, database: str | None) -> None:
    """Make an account. Asks for its password twice."""
    settings = read_settings(data=data, database=database)
    password = _password(from_stdin)
    with opened(settings, create=True) as store, store.write() as session:
        services.create(session, name, password, now())
    click.echo(f"{name} may sign in at /admin.", err=True)
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
    click.echo(f"{name} has a new password and is signed out everywhere.", err=True)


@admin.command(epilog="Example: dva admin remove alice --data data")
@click.argument("name")
@data_options
def remove(name: str, data: Path | None, database: str | None) -> None:
    """Delete an account, and sign it out everywhere."""
    settings = read_settings(data=data, database=database)
    with opened(settings) as store, store.write() as session:
        services.remove(session, name)
    click.echo(f"{name} is no account any more.", err=True)


@admin.command("list", epilog="Example: dva admin list --data data")
@data_options
def list_accounts(data: Path | None, database: str | None) -> None:
    """Print the accounts, one a line: name, and since when."""
    settings = read_settings(data=data, database=database)
    with opened(settings) as store, store.read() as session:
        for account in services.accounts(session):
            click.echo(f"{account.name}\t{account.created_at.isoformat(timespec='seconds')}")


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
