"""`python -m server.migrations MESSAGE`: drafts a step from what the models have and the database
lacks. Read it, then edit it: autogenerate sees no data and no renames."""

from __future__ import annotations

import click
from alembic import command

from server.db import Database
from server.migrations import configuration, migrate


@click.command()
@click.argument("message")
@click.option("--database", "url", required=True, help="A scratch database's SQLAlchemy URL.")
def main(message: str, url: str) -> None:
    database = Database(url)
    migrate(database)
    with database.write() as session:
        command.revision(configuration(session.connection()), message, autogenerate=True)


main()
