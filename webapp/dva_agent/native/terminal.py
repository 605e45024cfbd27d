"""What a person at a terminal sees: a bar, and a line for what is unusual. On stderr."""

from __future__ import annotations

import sys
from typing import Never

from tqdm import tqdm

from dva_agent.engine import Blob
from dva_agent.events import (
    Batch,
    Event,
    Problem,
    RungTried,
    SelfTested,
    UnitDropped,
    UnitFinished,
    Waiting,
)
from dva_agent.runner import Summary


class Terminal:
    """Implements events.Observer. `close` it."""

    def __init__(self) -> None:
        # A log wants no ten lines a second.
        self._every = 0.1 if sys.stderr.isatty() else 10.0
        self._pairs = tqdm(
            unit=" pairs",
            desc="scored",
            file=sys.stderr,
            mininterval=self._every,
            dynamic_ncols=True,
        )
        self._model: tqdm[Never] | None = None

    def event(self, event: Event) -> None:
        """See events.Observer."""
        match event:
            case SelfTested():
                self._line(
                    f"self-test passed on {event.device_class}: scores within "
                    f"{event.score_difference:.1g} of the golden ones, "
                    f"{event.score_tolerance:.1g} allowed"
                )
            case RungTried(chosen=True, rung="python"):
                self._line("this work needs no model: none is downloaded")
            case RungTried(chosen=False) | Problem():
                self._line(f"{event.message} {event.next_step}".rstrip())
            case Waiting():
                self._line(f"no work now ({event.reason}); asking again in {event.seconds:.0f} s")
            case UnitFinished():
                self._pairs.set_postfix_str(f"unit {event.unit} stored")
            case UnitDropped():
                self._line(f"unit {event.unit} was given back: {event.message}")

    def seen(self, batch: Batch, blob: Blob) -> None:
        """See events.Observer."""
        del blob
        self._pairs.update(len(batch.pairs))

    def downloading(self, done: int, total: int) -> None:
        """Bytes of the model that are here, of all."""
        if self._model is None:
            if done == total:
                return
            self._model = tqdm(
                total=total, unit="B", unit_scale=True, desc="model", file=sys.stderr, leave=False
            )
        self._model.update(done - self._model.n)
        if done == total:
            self._model.close()
            self._model = None

    def done(self, summary: Summary) -> None:
        """Say what the run came to."""
        why = {
            "drained": "the server has no more work",
            "stopped": "stopped",
            "enough": "as many as were asked for",
        }
        self._line(
            f"{summary.units} units stored ({why[summary.ending]}): "
            f"{summary.pairs_scored:,} of {summary.pairs:,} pairs scored"
        )

    def close(self) -> None:
        """Leave the bar where it stands."""
        self._pairs.close()

    def _line(self, text: str) -> None:
        self._pairs.write(text, file=sys.stderr)
