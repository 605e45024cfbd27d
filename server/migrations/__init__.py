"""The database's schema, step by step, by Alembic. Commands that use the database run it first.

A new step, from the repository's root, against a database that has all earlier ones:

    .venv/bin/python -m server.migrations "Say what it changes" --database sqlite:////tmp/scratch.db
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.engine import Connection

from server.db import Database

_LOCK = 0x445641  # "DVA": any number, the same for every process


def migrate(database: Database) -> None:
    """Brings the schema up to date, in one transaction, one process at a time."""
    with database.reshape() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        command.upgrade(configuration(connection), "head")


def revisions(connection: Connection) -> tuple[str | None, str]:
    """The step a database is at (None: it has no schema), and the newest there is. Reads only."""
    return MigrationContext.configure(connection).get_current_revision(), newest()


@cache
def newest() -> str:
    """The newest step there is. Finding it loads all of them, and while a process runs it stays."""
    found = ScriptDirectory(str(Path(__file__).parent)).get_current_head()
    assert found is not None
    return found


def configuration(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
