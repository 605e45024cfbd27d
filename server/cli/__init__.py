"""The `dva` command. Results go to stdout, progress and errors to stderr; status 0 is success.

A file here is a command, or a few that belong together; `COMMANDS` lists them.
"""

from __future__ import annotations

import sys
from typing import NoReturn

import click
from dva_agent.errors import DvaError
from sqlalchemy.exc import SQLAlchemyError

from server.cli.admin import admin
from server.cli.agent import agent
from server.cli.audit import audit
from server.cli.backup import backup, copy_database
from server.cli.bench import bench
from server.cli.bundles import bundle
from server.cli.compact import compact
from server.cli.credit import credit
from server.cli.doctor import doctor
from server.cli.epochs import epoch
from server.cli.fetch import fetch
from server.cli.identity import identity
from server.cli.ingest import ingest
from server.cli.pool import pool
from server.cli.reports import reports
from server.cli.select import compare, select, verify_selection
from server.cli.selection import grade, scores, signatures
from server.cli.serving import demo, serve
from server.cli.shards import shards
from server.cli.simulate import simulate
from server.cli.takedown import takedown
from server.cli.tour import tour
from server.cli.trust import trust
from server.cli.verify_bundle import verify_bundle

COMMANDS = (
    tour,
    demo,
    serve,
    fetch,
    ingest,
    pool,
    bundle,
    agent,
    identity,
    audit,
    scores,
    signatures,
    grade,
    select,
    verify_selection,
    shards,
    compare,
    reports,
    takedown,
    compact,
    trust,
    credit,
    epoch,
    admin,
    doctor,
    backup,
    copy_database,
    verify_bundle,
    simulate,
    bench,
)


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
    except SQLAlchemyError as error:
        reason = str(error).splitlines()[0]
        click.echo(f"dva: The database can't be used: {reason} [database_failed]", err=True)
        click.echo("     Check DVA_DATABASE, or --database, and that it runs.", err=True)
        sys.exit(1)
    except OSError as error:
        click.echo(f"dva: {error} [system_failed]", err=True)
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dva", prog_name="dva")
def cli() -> None:
    """Score image-caption pools with a Data Filtering Network, in browser tabs and terminals."""


for command in COMMANDS:
    cli.add_command(command)
