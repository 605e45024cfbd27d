"""What a caption says about itself, without its picture: how long it is, how much of it is words,
and in what language.

DataComp's basic filter cuts by these (English, more than two words, more than five characters;
arXiv 2304.14108, section 4.1) before any model is run. Nothing here needs one, so it also shows how
little an agent has to bring.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from dva_agent._classes import LETTERS, UNASSIGNED
from dva_agent.agents.base import (
    Outcome,
    PairOutcome,
    Unit,
    Verdict,
    Watch,
    judge_exactly,
)
from dva_agent.bundle import Tolerance
from dva_agent.cleaning import character_class
from dva_agent.engine import Engine
from dva_agent.languages import LANGUAGES, language
from dva_agent.protocol import Column, Need
from dva_agent.reading import Caption, read_captions

MOST = 65_535.0
"""What a longer caption counts as; the longest that are read have 8,192 bytes before cleaning."""

_COLUMNS = (
    Column(name="letters", minimum=0.0, maximum=1.0),
    Column(name="characters", minimum=0.0, maximum=MOST),
    Column(name="words", minimum=0.0, maximum=MOST),
    Column(name="tokens", minimum=0.0, maximum=MOST),
    Column(name="language", minimum=0.0, maximum=len(LANGUAGES) - 1.0, labels=LANGUAGES),
)
_LETTER = re.compile(f"[{character_class(LETTERS)}]")
_NEWER = re.compile(f"[{character_class(UNASSIGNED)}]")
_NUMBER_OF = {tag: float(index) for index, tag in enumerate(LANGUAGES)}


class CaptionStatisticsAgent:
    """Five numbers of each cleaned caption:

    letters     share of letters among the characters that are neither space nor combining mark
    characters  code points
    words       runs without white space: about one a sentence in Chinese, Japanese and Thai
    tokens      of the bundle's tokenizer, from start to end of text; its context length at most
    language    see languages.py
    """

    @property
    def name(self) -> str:
        return "caption-statistics"

    @property
    def needs(self) -> frozenset[Need]:
        return frozenset(("captions",))

    @property
    def columns(self) -> tuple[Column, ...]:
        return _COLUMNS

    async def run(self, unit: Unit, engine: Engine, watch: Watch) -> Outcome:
        """See agents.base."""
        spans = unit.captions()
        captions = await read_captions(engine, unit.blob, spans, unit.model.tokenizer)
        outcomes = [_outcome(caption) for caption in captions]
        await watch(
            [
                unit.seen(index, outcomes[index], caption=caption.text, ids=caption.ids)
                for index, caption in enumerate(captions)
            ]
        )
        return Outcome(pairs=outcomes)

    def judge(self, claimed: PairOutcome, recomputed: PairOutcome, tolerance: Tolerance) -> Verdict:
        """Counting leaves no room, whatever the tolerance."""
        del tolerance
        return judge_exactly(claimed, recomputed, _COLUMNS)


def statistics(cleaned: str, ids: Sequence[int]) -> tuple[float, ...]:
    """A value for each column. `cleaned` isn't empty."""
    letters = _LETTER.findall(cleaned)
    solid = sum(not (c.isspace() or _is_mark(c)) for c in cleaned)
    counts = (len(cleaned), len(cleaned.split()), len(ids))
    return (
        min(1.0, len(letters) / solid) if solid else 0.0,
        *(min(MOST, float(count)) for count in counts),
        _NUMBER_OF[language("".join(letters), cleaned)],
    )


def _outcome(caption: Caption) -> PairOutcome:
    if caption.status:
        return PairOutcome(status=caption.status)
    return PairOutcome(status=caption.status, values=statistics(caption.cleaned, caption.ids))


def _is_mark(character: str) -> bool:
    """As Unicode 14 knows marks: Pythons differ on what is newer."""
    return unicodedata.category(character).startswith("M") and not _NEWER.match(character)


AGENT = CaptionStatisticsAgent()
