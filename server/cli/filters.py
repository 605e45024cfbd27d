"""The options of `dva select` that leave pairs out before the cut."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from server.cli.options import FOLDER
from server.selection.filters import Filters

LIST = click.Path(exists=True, dir_okay=False, path_type=Path)
Bounds = tuple[int | None, int | None]


def _bounds(
    _context: click.Context, parameter: click.Parameter, value: str | None
) -> Bounds | None:
    if value is None:
        return None
    found = re.fullmatch(r"(\d{0,9})\.\.(\d{0,9})", value, re.ASCII)
    if found is None or value == "..":
        raise click.BadParameter(
            f"{value!r} is no range, such as 5..200, 5.. or ..200", param=parameter
        )
    least, most = (int(part) if part else None for part in found.groups())
    return least, most


_OPTIONS = (
    click.option("--min-side", type=click.IntRange(1), metavar="PIXELS", help="The shorter side."),
    click.option("--max-aspect", type=float, metavar="RATIO", help="Longer by shorter side."),
    click.option("--caption-chars", callback=_bounds, metavar="MIN..MAX", help="Characters."),
    click.option(
        "--language", "languages", multiple=True, metavar="TAG", help="Such as en; again for more."
    ),
    click.option(
        "--max-nsfw", type=float, metavar="SHARE", help="The most that a classifier said, 0 to 1."
    ),
    click.option("--max-faces", type=click.IntRange(0), metavar="N", help="Faces that were found."),
    click.option("--no-faces", is_flag=True, help="The same as --max-faces 0."),
    click.option(
        "--allow", type=LIST, metavar="FILE", help="Only these uids: a line each, or .npy."
    ),
    click.option("--deny", type=LIST, metavar="FILE", help="All but these uids."),
    click.option("--distinct", is_flag=True, help="Of rows with one uid the best-scored alone."),
    click.option("--metadata", type=FOLDER, help="More tables, with uid and what filters ask for."),
)


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def filters_of(*, no_faces: bool, max_faces: int | None, **given: Any) -> Filters:
    """Raises SelectionError."""
    if no_faces and max_faces:
        raise click.UsageError("Say one of --no-faces and --max-faces.")
    return Filters(max_faces=0 if no_faces else max_faces, **given)
