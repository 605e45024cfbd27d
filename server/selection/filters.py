"""What is left out before the cut: small pictures, long captions, other languages, listed uids.

A share is then of what is left. A pair passes a filter where its value is known and lies within the
bounds, both of which belong to it; of what is null nothing is known, so it doesn't pass. Filters
are asked in the order of `Filters`, and a pair is counted where it falls first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from server.errors import SelectionError
from server.selection.engine import Filter

ALLOW, DENY = "allow", "deny"
DISTINCT = "distinct"
_SIDES = (("original_width", "original_height"), ("WIDTH", "HEIGHT"))
SOURCES = {
    "min_side": _SIDES,
    "max_aspect": _SIDES,
    "caption_chars": (("caption_chars",), ("text",), ("TEXT",), ("caption",)),
    "language": (("language",), ("LANGUAGE",)),
    "max_nsfw": (("nsfw",), ("punsafe",), ("NSFW",)),
    "max_faces": (("faces",), ("face_bboxes",), ("num_faces",)),
    "host": (("url_host",), ("url",), ("URL",)),
}
"""Which columns tell it: any of these, under DVA's own names, DataComp's or LAION's."""


@dataclass(frozen=True, kw_only=True)
class Filters:
    """`allow`, `deny`: files of uids. `min_side`: pixels of the shorter side; `max_aspect`: longer
    by shorter side, from 1. `caption_chars`: (least, most) code points, None for no such bound.
    `languages`: BCP 47 tags, as the tables have them. `max_nsfw`: 0 to 1. `max_faces`: 0 for none.
    `distinct`: of rows with one uid the best-scored alone. Raises SelectionError."""

    allow: Path | None = None
    deny: Path | None = None
    min_side: int | None = None
    max_aspect: float | None = None
    caption_chars: tuple[int | None, int | None] | None = None
    languages: tuple[str, ...] = ()
    max_nsfw: float | None = None
    max_faces: int | None = None
    distinct: bool = False

    def __post_init__(self) -> None:
        least, most = self.caption_chars or (None, None)
        wrong = (
            (self.min_side is not None and self.min_side < 1, "A side has 1 pixel or more."),
            (self.max_aspect is not None and self.max_aspect < 1, "An aspect ratio is 1 or more."),
            (least is not None and least < 0, "A caption has 0 characters or more."),
            (least is not None and most is not None and most < least, "No caption is so long."),
            (self.max_nsfw is not None and not 0 <= self.max_nsfw <= 1, "NSFW lies from 0 to 1."),
            (self.max_faces is not None and self.max_faces < 0, "Faces are 0 or more."),
        )
        for is_wrong, sentence in wrong:
            if is_wrong:
                raise SelectionError(sentence, code="filter_invalid")

    def __iter__(self) -> Iterator[Filter]:
        """What the engine asks of each row, in order; `file` is still as it was given."""
        if self.allow is not None:
            yield _filter(ALLOW, file=str(self.allow))
        if self.deny is not None:
            yield _filter(DENY, file=str(self.deny))
        if self.min_side is not None:
            yield _filter("min_side", low=self.min_side)
        if self.max_aspect is not None:
            yield _filter("max_aspect", high=self.max_aspect)
        if self.caption_chars is not None:
            least, most = self.caption_chars
            yield _filter("caption_chars", low=least, high=most)
        if self.languages:
            yield _filter("language", words=sorted(set(self.languages)))
        if self.max_nsfw is not None:
            yield _filter("max_nsfw", high=self.max_nsfw)
        if self.max_faces is not None:
            yield _filter("max_faces", high=self.max_faces)


def require(names: set[str], wanted: Iterator[str]) -> None:
    """Raises SelectionError unless one of these columns tells each."""
    for name in wanted:
        sources = SOURCES.get(name)
        if sources and not any(names.issuperset(each) for each in sources):
            columns = " or ".join(" and ".join(each) for each in sources)
            raise SelectionError(
                f"No table says anything of {name}.",
                code="column_missing",
                next_step=f"Give tables that have {columns} by --metadata FOLDER.",
            )


def _filter(
    name: str,
    *,
    low: float | None = None,
    high: float | None = None,
    words: list[str] | None = None,
    file: str | None = None,
) -> Filter:
    return Filter(
        name=name,
        low=None if low is None else float(low),
        high=None if high is None else float(high),
        words=words or [],
        file=file,
    )
