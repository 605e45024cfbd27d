"""DVA, the Data Validation Agent: how well does each caption fit its image?

The score is the cosine similarity of a Data Filtering Network's two embeddings (arXiv 2309.17425).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from dva_agent.agents.base import Outcome, PairOutcome, Unit, Verdict, Watch, is_sound
from dva_agent.buckets import Texts, encode_captions
from dva_agent.bundle import Tolerance
from dva_agent.engine import Engine, Pixels
from dva_agent.errors import NumericFault
from dva_agent.events import Seen
from dva_agent.protocol import Column, Need, PairStatus, Span
from dva_agent.reading import Caption, read_captions, read_images

OVERSHOOT = 1e-5
"""How far rounding may carry a cosine past 1; it is clipped. Anything further is a fault."""

_DISTINCT = 8
"""So many different captions don't share one score by chance, not even beside one picture. (The
bytes of images say nothing: one picture can be stored in many ways.)"""

_REJECT_FACTOR = 4.0

_COLUMNS = (Column(name="score", minimum=-1.0, maximum=1.0),)


@dataclass(kw_only=True)
class _Pair:
    caption: Caption
    image: Span | None
    status: PairStatus
    score: float = 0.0

    def outcome(self) -> PairOutcome:
        return PairOutcome(status=self.status, values=() if self.status else (self.score,))


class DvaAgent:
    """Scores pairs. Holds nothing between units."""

    @property
    def name(self) -> str:
        return "dva"

    @property
    def needs(self) -> frozenset[Need]:
        return frozenset(("captions", "images", "model"))

    @property
    def columns(self) -> tuple[Column, ...]:
        """The cosine similarity."""
        return _COLUMNS

    async def run(self, unit: Unit, engine: Engine, watch: Watch) -> Outcome:
        """See agents.base. Raises NumericFault for non-finite, impossible or constant scores."""
        pairs = await _read(unit, engine)
        # Pairs without a usable caption are decoded all the same: where the picture turns out to
        # be broken, that is the status to give.
        live = [index for index, pair in enumerate(pairs) if not _is_image(pair.status)]
        if live:
            await _score(unit, engine, watch, pairs, live)
        else:
            await watch(_seen(unit, pairs, range(len(pairs))))
        _refuse_constant(pairs)
        return Outcome(pairs=[pair.outcome() for pair in pairs])

    def judge(self, claimed: PairOutcome, recomputed: PairOutcome, tolerance: Tolerance) -> Verdict:
        """Scores: accept within the bundle's tolerance, reject past four times as much. Decoders
        may disagree on damaged files, so a dispute over IMAGE_BROKEN alone is looked at again;
        every other status follows from the bytes."""
        if not (is_sound(claimed, _COLUMNS) and is_sound(recomputed, _COLUMNS)):
            return Verdict.REJECT
        if claimed.status != recomputed.status:
            disputed = {claimed.status, recomputed.status}
            if disputed == {PairStatus.SCORED, PairStatus.IMAGE_BROKEN}:
                return Verdict.LOOK_AGAIN
            return Verdict.REJECT
        pairs = zip(claimed.values, recomputed.values, strict=True)
        difference = max((abs(one - other) for one, other in pairs), default=0.0)
        if difference <= tolerance.score:
            return Verdict.ACCEPT
        if difference <= _REJECT_FACTOR * tolerance.score:
            return Verdict.LOOK_AGAIN
        return Verdict.REJECT


async def _read(unit: Unit, engine: Engine) -> list[_Pair]:
    images = unit.images()
    pictures = await read_images(engine, unit.blob, images, unit.model.manifest.preprocessing)
    captions = await read_captions(engine, unit.blob, unit.captions(), unit.model.tokenizer)
    return [
        _Pair(caption=caption, image=image, status=_first(picture, caption.status))
        for caption, image, picture in zip(captions, images, pictures, strict=True)
    ]


def _first(*statuses: PairStatus) -> PairStatus:
    return min((status for status in statuses if status), default=PairStatus.SCORED)


def _is_image(status: PairStatus) -> bool:
    return PairStatus.SCORED < status <= PairStatus.IMAGE_TOO_LARGE


async def _score(
    unit: Unit, engine: Engine, watch: Watch, pairs: list[_Pair], live: list[int]
) -> None:
    size = engine.batch_size
    batches = [live[first : first + size] for first in range(0, len(live), size)]
    tokenizer = unit.model.tokenizer
    nothing = [tokenizer.start, tokenizer.end]
    pixels = _start_pixels(unit, engine, pairs, batches[0])
    texts = Texts(embeddings=[], rows=[])
    try:
        async with unit.turn:
            ids = [pairs[i].caption.ids or nothing for i in live]
            texts = await encode_captions(engine, ids, tokenizer.context_length)
            row = dict(zip(live, texts.rows, strict=True))
            shown = 0
            for number, batch in enumerate(batches):
                ready, statuses = await pixels
                following = batches[number + 1 : number + 2]
                try:
                    if following:
                        pixels = _start_pixels(unit, engine, pairs, following[0])
                    embeddings = await engine.encode_images(ready)
                finally:
                    engine.release(ready)
                try:
                    scores = await engine.similarity(
                        embeddings, texts.embeddings, [row[i] for i in batch]
                    )
                finally:
                    engine.release(embeddings)
                for index, status, score in zip(batch, statuses, scores, strict=True):
                    pairs[index].status = _first(status, pairs[index].status)
                    pairs[index].score = 0.0 if pairs[index].status else _checked(score)
                until = following[0][0] if following else len(pairs)
                await watch(_seen(unit, pairs, range(shown, until)))
                shown = until
    finally:
        await _discard(pixels, engine)
        engine.release(*texts.embeddings)


def _start_pixels(
    unit: Unit, engine: Engine, pairs: list[_Pair], batch: list[int]
) -> asyncio.Task[tuple[Pixels, list[PairStatus]]]:
    """Decoding of a batch, under way while the one before it is encoded."""
    return asyncio.ensure_future(engine.pixels(unit.blob, [pairs[i].image for i in batch]))


async def _discard(task: asyncio.Task[tuple[Pixels, list[PairStatus]]], engine: Engine) -> None:
    """See a decoding out whose result nobody wants. It isn't cancelled: its handle would be lost.
    An error has been raised where it was awaited, or comes second to the one being raised now."""
    (outcome,) = await asyncio.gather(task, return_exceptions=True)
    if not isinstance(outcome, BaseException):
        engine.release(outcome[0])


def _checked(score: float) -> float:
    if not abs(score) <= 1.0 + OVERSHOOT:
        raise NumericFault(f"A similarity of {score} came out of the model.")
    return max(-1.0, min(1.0, score))


def _refuse_constant(pairs: Sequence[_Pair]) -> None:
    scored = [pair for pair in pairs if pair.status == PairStatus.SCORED]
    distinct = {tuple(pair.caption.ids) for pair in scored}
    if len(distinct) >= _DISTINCT and len({pair.score for pair in scored}) == 1:
        raise NumericFault(
            f"{len(scored)} pairs of different captions all came out as {scored[0].score}."
        )


def _seen(unit: Unit, pairs: Sequence[_Pair], indices: range) -> list[Seen]:
    return [
        unit.seen(
            index,
            pairs[index].outcome(),
            caption=pairs[index].caption.text,
            ids=pairs[index].caption.ids,
            image=pairs[index].image,
        )
        for index in indices
    ]


AGENT = DvaAgent()
