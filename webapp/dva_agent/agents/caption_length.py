"""A second agent: how much of the text tower's context does a caption use?

It needs no model arithmetic and no image, so it shows what an agent has to bring, and that nothing
around it depends on DVA.
"""

from __future__ import annotations

from dva_agent.agents.base import Outcome, PairOutcome, Unit, Verdict, Watch
from dva_agent.bundle import Tolerance
from dva_agent.engine import Engine
from dva_agent.events import Seen
from dva_agent.reading import read_captions


class CaptionLengthAgent:
    """Scores are token ids over context length, in (0, 1]."""

    @property
    def name(self) -> str:
        return "caption-length"

    async def run(self, unit: Unit, engine: Engine, watch: Watch) -> Outcome:
        """See agents.base."""
        spans = [unit.local(pair.caption) if pair.caption else None for pair in unit.lease.pairs]
        tokenizer = unit.model.tokenizer
        captions = await read_captions(engine, unit.blob, spans, tokenizer)
        outcomes = [
            PairOutcome(status=caption.status, score=len(caption.ids) / tokenizer.context_length)
            for caption in captions
        ]
        await watch(
            [
                Seen(
                    index=index,
                    uid=unit.lease.pairs[index].uid,
                    caption=caption.text,
                    ids=caption.ids,
                    status=int(caption.status),
                    score=None if caption.status else outcomes[index].score,
                    image=None,
                )
                for index, caption in enumerate(captions)
            ]
        )
        return Outcome(pairs=outcomes)

    def judge(self, claimed: PairOutcome, recomputed: PairOutcome, tolerance: Tolerance) -> Verdict:
        """Counting leaves no room, whatever the tolerance: equal as float32, or wrong."""
        del tolerance
        same = claimed.status == recomputed.status
        near = abs(claimed.score - recomputed.score) <= 1e-6
        return Verdict.ACCEPT if same and near else Verdict.REJECT
