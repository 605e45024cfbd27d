"""The tour's page: one file with the grade, the figure and pictures in it. It needs no server."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from server.selection.figure import INK
from server.tour.ends import ShownPair

KINDS = ((b"\x89PNG", "png"), (b"\xff\xd8\xff", "jpeg"), (b"RIFF", "webp"))

_TEMPLATES = Environment(
    loader=PackageLoader("server.tour"), autoescape=True, undefined=StrictUndefined
)


def write_page(
    *,
    file: Path,
    title: str,
    report: dict[str, Any],
    figure: str,
    best: Sequence[ShownPair],
    worst: Sequence[ShownPair],
) -> None:
    """`report` as `grade.report` makes it, `figure` the SVG that `figure.draw` writes."""
    body = _TEMPLATES.get_template("tour.html").render(
        title=title,
        report=report,
        # From the opening tag on: inside a page, an XML declaration is an error. Its ink becomes
        # the page's, dark or light.
        figure=Markup(figure[figure.index("<svg") :].replace(INK, "currentColor")),  # noqa: S704
        ends=[
            ("The best", [_card(pair) for pair in best]),
            ("The worst", [_card(pair) for pair in worst]),
        ],
    )
    file.write_text(body, encoding="utf-8")


def _card(pair: ShownPair) -> dict[str, Any]:
    return {"score": pair.score, "caption": pair.caption, "picture": _data_url(pair.image)}


def _data_url(image: bytes) -> str:
    """Empty for bytes that aren't a picture of a known kind."""
    for magic, kind in KINDS:
        if image.startswith(magic):
            return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"
    return ""
