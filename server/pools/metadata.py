"""What a pair's `.json` and caption say of it, for filters: read once, at ingest. Pure.

original_width    int32, pixels of the picture as it was downloaded; null unless 1 to 2^31-1
original_height   int32
url_host          string, where it was downloaded from: lower case, ASCII, no port
caption_chars     int32, code points of the caption as it stands in the shard; null without one
language          string, dva_agent.languages' guess; null for a caption nobody would clean
nsfw              float32 in [0, 1], the largest of the metadata's NSFW columns; null without one
faces             int16, how many faces were found; null where nobody looked

img2dataset copies the columns of its source into the `.json` as they are: DataComp's (face_bboxes),
LAION's (NSFW as a word, or punsafe) and COYO's (num_faces, nsfw_score_*). Whoever wrote them may
have written anything: what isn't of the kind is null.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import pyarrow as pa
from dva_agent._classes import LETTERS
from dva_agent.cleaning import character_class, clean
from dva_agent.languages import language
from dva_agent.reading import MAX_CAPTION_BYTES

SCHEMA = pa.schema(
    [
        pa.field("original_width", pa.int32()),
        pa.field("original_height", pa.int32()),
        pa.field("url_host", pa.string()),
        pa.field("caption_chars", pa.int32()),
        pa.field("language", pa.string()),
        pa.field("nsfw", pa.float32()),
        pa.field("faces", pa.int16()),
    ]
)
NSFW_COLUMNS = frozenset(
    {
        "nsfw",
        "nsfw_score",
        "nsfw_prob",
        "nsfw_image_score",
        "nsfw_text_score",
        "nsfw_score_opennsfw2",
        "nsfw_score_gantman",
        "punsafe",
        "p_unsafe",
        "unsafe_score",
    }
)
"""As they are called in lower case."""
NSFW_WORDS: Mapping[str, float] = {
    "unlikely": 0.0,
    "sfw": 0.0,
    "safe": 0.0,
    "unsure": 0.5,
    "likely": 1.0,
    "nsfw": 1.0,
    "unsafe": 1.0,
}
"""LAION-400M's words, and what others made of them."""
MAX_SIDE = 2**31 - 1
MAX_FACES = 2**15 - 1
MAX_URL = 8192
_HOST = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*"
)
_IPV6 = re.compile(r"[0-9a-f:.]{2,45}")
_LETTER = re.compile(f"[{character_class(LETTERS)}]")


class PairMetadata(NamedTuple):
    """A row of SCHEMA."""

    original_width: int | None = None
    original_height: int | None = None
    url_host: str | None = None
    caption_chars: int | None = None
    language: str | None = None
    nsfw: float | None = None
    faces: int | None = None


def metadata_of(record: Mapping[str, object], caption: bytes | None) -> PairMetadata:
    """`record`: the pair's `.json`; `caption`: the bytes of its `.txt`, None if it has none."""
    text = None if caption is None else caption.decode("utf-8", "replace")
    return PairMetadata(
        original_width=_side(record.get("original_width")),
        original_height=_side(record.get("original_height")),
        url_host=host_of(record.get("url")),
        caption_chars=None if text is None else len(text),
        language=None if caption is None else _language(caption, text or ""),
        nsfw=_nsfw(record),
        faces=_faces(record),
    )


def host_of(url: object) -> str | None:
    """The host that a URL names, in lower case and without a port; None for what is no URL."""
    if not isinstance(url, str) or len(url) > MAX_URL:
        return None
    try:
        host = urlsplit(url.strip()).hostname or ""
        if not host.isascii() and len(host) <= 253:
            host = host.encode("idna").decode("ascii")
    except (ValueError, UnicodeError):
        return None
    host = host.lower().removesuffix(".")
    return host if _HOST.fullmatch(host) or (":" in host and _IPV6.fullmatch(host)) else None


def _language(caption: bytes, text: str) -> str | None:
    if len(caption) > MAX_CAPTION_BYTES:
        return None
    cleaned = clean(text)
    return language("".join(_LETTER.findall(cleaned)), cleaned)


def _side(value: object) -> int | None:
    return _whole(value, low=1, high=MAX_SIDE)


def _faces(record: Mapping[str, object]) -> int | None:
    boxes = record.get("face_bboxes")
    if isinstance(boxes, list):
        return min(len(boxes), MAX_FACES)
    return _whole(record.get("num_faces"), low=0, high=MAX_FACES)


def _nsfw(record: Mapping[str, object]) -> float | None:
    """The largest: a pair is as unsafe as any of its judges says."""
    found = [
        score
        for name, value in record.items()
        if name.lower() in NSFW_COLUMNS and (score := _unsafe(value)) is not None
    ]
    return max(found, default=None)


def _unsafe(value: object) -> float | None:
    if isinstance(value, str):
        return NSFW_WORDS.get(value.strip().lower())
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float) and value >= 0 and math.isfinite(value):
        return float(min(value, 1))
    return None


def _whole(value: object, *, low: int, high: int) -> int | None:
    """A number between `low` and `high`. 512.0 is one too: pandas makes floats of a column that has
    a gap."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not low <= value <= high or value != int(value):
        return None
    return int(value)
