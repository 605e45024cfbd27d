"""The `dva` command. Results go to stdout, progress and errors to stderr; status 0 is success.

A file here is a command, or a few that belong together; `PLACES` lists them. Only the one that is
asked for is loaded: all of them, with what they stand on, take two seconds of a slow machine.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import NoReturn

import click
from dva_agent.errors import DvaError

PLACES = {
    "tour": "tour:tour",
    "demo": "serving:demo",
    "serve": "serving:serve",
    "fetch": "fetch:fetch",
    "ingest": "ingest:ingest",
    "pool": "pool:pool",
    "bundle": "bundles:bundle",
    "agent": "agent:agent",
    "identity": "identity:identity",
    "audit": "audit:audit",
    "scores": "selection:scores",
    "signatures": "selection:signatures",
    "grade": "selection:grade",
    "select": "select:select",
    "verify-selection": "select:verify_selection",
    "shards": "shards:shards",
    "compare": "select:compare",
    "reports": "reports:reports",
    "takedown": "takedown:takedown",
    "compact": "compact:compact",
    "trust": "trust:trust",
    "credit": "credit:credit",
    "epoch": "epochs:epoch",
    "admin": "admin:admin",
    "doctor": "doctor:doctor",
    "backup": "backup:backup",
    "copy-database": "backup:copy_database",
    "verify-bundle": "verify_bundle:verify_bundle",
    "simulate": "simulate:simulate",
    "bench": "bench:bench",
}
"""Where each is: its file, and what it is called there."""


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
    except _database_error() as error:
        reason = str(error).splitlines()[0]
        click.echo(f"dva: The database can't be used: {reason} [database_failed]", err=True)
        click.echo("     Check DVA_DATABASE, or --database, and that it runs.", err=True)
        sys.exit(1)
    except OSError as error:
        click.echo(f"dva: {error} [system_failed]", err=True)
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


def _database_error() -> type[Exception]:
    """Asked for when something was raised, and loaded only then."""
    from sqlalchemy.exc import SQLAlchemyError

    return SQLAlchemyError


class Commands(click.Group):
    """Those of `PLACES`, each loaded when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return sorted(PLACES)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002
        cmd_name: str,
    ) -> click.Command | None:
        if cmd_name not in PLACES:
            return None
        file, _, name = PLACES[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"server.cli.{file}"), name)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dva", prog_name="dva")
def cli() -> None:
    """Score image-caption pools with a Data Filtering Network, in browser tabs and terminals."""
