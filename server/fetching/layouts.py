"""Which column of a metadata table is what. Pure.

DataComp   uid, url, text, original_width, original_height, clip_*, face_bboxes, sha256
LAION      URL, TEXT, WIDTH, HEIGHT, similarity, punsafe, pwatermark, NSFW, ...; no uid

Other columns go along into each pair's `.json`, where `dva ingest` looks for what it filters by,
except those that img2dataset writes itself and those that JSON can't hold.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pyarrow as pa

from server.errors import FetchError

URLS = ("url", "URL")
CAPTIONS = ("text", "TEXT", "caption", "CAPTION")
UID = "uid"
SHA256 = "sha256"
FACES = "face_bboxes"
WRITTEN_BY_IMG2DATASET = frozenset(
    {
        "key",
        "caption",
        "url",
        "width",
        "height",
        "original_width",
        "original_height",
        "status",
        "error_message",
        "exif",
        "md5",
        "sha256",
        "sha512",
    }
)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Names of columns, as the table has them; None where it lacks one. `kept`: what goes along
    besides, without uid and faces."""

    url: str
    caption: str
    uid: str | None
    sha256: str | None
    faces: str | None
    kept: tuple[str, ...]

    @property
    def columns(self) -> list[str]:
        named = (self.url, self.caption, self.uid, self.sha256, self.faces)
        return [*(name for name in named if name is not None), *self.kept]


def layout_of(schema: pa.Schema) -> Layout:
    """Raises FetchError where there is no column of URLs, or none of captions."""
    url = next((name for name in URLS if name in schema.names), None)
    caption = next((name for name in CAPTIONS if name in schema.names), None)
    if url is None or caption is None or len(set(schema.names)) != len(schema.names):
        raise FetchError(
            f"This is no metadata of pictures: its columns are {', '.join(schema.names[:20])}.",
            code="metadata_layout",
            next_step=f"It needs a column {' or '.join(URLS)}, and one of {', '.join(CAPTIONS)}.",
        )
    special = {url, caption, UID, SHA256, FACES}
    return Layout(
        url=url,
        caption=caption,
        uid=_text(schema, UID),
        sha256=_text(schema, SHA256),
        faces=FACES
        if FACES in schema.names and pa.types.is_list(schema.field(FACES).type)
        else None,
        kept=tuple(
            field.name
            for field in schema
            if field.name not in special | WRITTEN_BY_IMG2DATASET and _fits_json(field.type)
        ),
    )


def made_uid(url: str, caption: str | None) -> str:
    """The uid of a pair whose metadata has none, in 32 hex digits like DataComp's: the same URL
    with the same caption is the same pair, wherever it stands."""
    return hashlib.sha256(f"{url}\0{caption or ''}".encode("utf-8", "surrogatepass")).hexdigest()[
        :32
    ]


def _text(schema: pa.Schema, name: str) -> str | None:
    if name not in schema.names:
        return None
    kind = schema.field(name).type
    return name if pa.types.is_string(kind) or pa.types.is_large_string(kind) else None


def _fits_json(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _fits_json(kind.value_type)
    return (
        bool(pa.types.is_string(kind))
        or pa.types.is_large_string(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
    )
