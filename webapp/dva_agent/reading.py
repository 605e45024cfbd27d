"""The first look at a unit's pairs: captions cleaned and tokenized, pictures told by headers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from dva_agent import images
from dva_agent.bundle import Preprocessing
from dva_agent.cleaning import clean
from dva_agent.engine import Blob, Engine
from dva_agent.protocol import PairStatus, Span
from dva_agent.tokenizer import Tokenizer

MAX_CAPTION_BYTES = 8192
"""Cleaning is quadratic in the worst case; an honest caption is a hundredth of this."""

_CAPTIONS_AT_ONCE = 16
"""Between two of these the event loop gets its turn: in the tab, GPU work is driven by it."""


@dataclass(frozen=True, kw_only=True)
class Caption:
    """`text` as it stands in the shard; `cleaned` as the tokenizer sees it; `ids` from start to
    end of text, empty if the status isn't SCORED."""

    status: PairStatus
    text: str
    cleaned: str
    ids: list[int]


def read_caption(raw: bytes, tokenizer: Tokenizer) -> Caption:
    """One caption from its bytes. Bytes that aren't UTF-8 become U+FFFD, one for each bad run, as
    Python's "replace" does it."""
    text = raw.decode("utf-8", "replace")
    cleaned = clean(text)
    if not cleaned:
        return Caption(status=PairStatus.CAPTION_EMPTY, text=text, cleaned="", ids=[])
    ids = tokenizer.encode_clean(cleaned)
    return Caption(status=PairStatus.SCORED, text=text, cleaned=cleaned, ids=ids)


async def read_captions(
    engine: Engine, blob: Blob, spans: Sequence[Span | None], tokenizer: Tokenizer
) -> list[Caption]:
    """Every caption of a unit; spans are relative to the blob, None where there is none."""
    readable = [span for span in spans if span and span.size <= MAX_CAPTION_BYTES]
    raws = iter(await engine.read(blob, readable))
    captions = []
    for index, span in enumerate(spans):
        if span is None:
            captions.append(_unread(PairStatus.CAPTION_MISSING))
        elif span.size > MAX_CAPTION_BYTES:
            captions.append(_unread(PairStatus.CAPTION_TOO_LARGE))
        else:
            captions.append(read_caption(next(raws), tokenizer))
        if index % _CAPTIONS_AT_ONCE == _CAPTIONS_AT_ONCE - 1:
            await asyncio.sleep(0)
    return captions


def _unread(status: PairStatus) -> Caption:
    return Caption(status=status, text="", cleaned="", ids=[])


async def read_images(
    engine: Engine, blob: Blob, spans: Sequence[Span | None], spec: Preprocessing
) -> list[PairStatus]:
    """What keeps each picture from being decoded; SCORED if nothing does."""
    statuses = [PairStatus.IMAGE_MISSING if span is None else PairStatus.SCORED for span in spans]
    pending = {index: images.FIRST_READ for index, span in enumerate(spans) if span is not None}
    while pending:
        heads = []
        for index, wanted in pending.items():
            span = spans[index]
            assert span is not None
            heads.append(Span(start=span.start, size=min(wanted, span.size)))
        answers = zip(pending, await engine.read(blob, heads), strict=True)
        pending = {}
        for index, head in answers:
            span = spans[index]
            assert span is not None
            kind = images.sniff(head, span.size)
            if isinstance(kind, images.MoreNeeded):
                pending[index] = kind.head
            elif isinstance(kind, PairStatus):
                statuses[index] = kind
            elif not images.fits(kind, spec):
                statuses[index] = PairStatus.IMAGE_TOO_LARGE
    return statuses
