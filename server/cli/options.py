"""Options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Command = Callable[..., Any]
FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)


def data_options(command: Command) -> Command:
    command = click.option(
        "--database",
        help="SQLAlchemy URL; SQLite at DATA/dva.db if neither this nor DVA_DATABASE is given.",
    )(command)
    return click.option("--data", type=FOLDER, help="The data folder. [default: data]")(command)


def address_options(command: Command) -> Command:
    command = click.option("--host", default="127.0.0.1", show_default=True)(command)
    return click.option(
        "--port",
        type=click.IntRange(0, 65535),
        default=8000,
        show_default=True,
        help="0 takes a free one.",
    )(command)


def checked_server(
    _context: click.Context, parameter: click.Parameter, value: str | None
) -> str | None:
    """The origin of a server, without a slash at its end."""
    if value is not None and not re.fullmatch(r"https?://[^/\s]+/?", value):
        raise click.BadParameter(
            f"{value!r} is no address: it is like http://127.0.0.1:8000", param=parameter
        )
    return value.rstrip("/") if value else value


def identity_option(command: Command) -> Command:
    return click.option(
        "--identity",
        type=FILE,
        envvar="DVA_IDENTITY",
        show_envvar=True,
        help="The file with the phrase and the keys. [default: ~/.local/state/dva/identity.json]",
    )(command)
