"""What a page asks for and a request can't count: by a job, which keeps it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from server.workbench import eligible, others, overlap
from server.workbench.asked import Asked
from server.workbench.others import Choice
from server.workbench.snapshot import Snapshot
from server.workbench.view import sieve_of, view_of

Waits = Literal["filters", "other"]


def waits(snapshot: Snapshot, asked: Asked, known: Sequence[Choice]) -> Waits | None:
    """What isn't known yet: what the filters leave, or how much of the other selection is in it.
    Raises SelectionError for what can't be counted."""
    view = view_of(snapshot, asked, known)
    if view is None:
        return "filters"
    if not asked.other:
        return None
    other = others.read(others.chosen(asked.other, known))
    known_already = overlap.is_counted(view, other) or overlap.is_small(view, other)
    return None if known_already else "other"


def count(
    snapshot: Snapshot,
    asked: Asked,
    known: Sequence[Choice],
    progress: Callable[[int, int], None],
) -> None:
    """Keeps both. Raises SelectionError; what `progress` raises ends it."""
    sieve = sieve_of(asked, known)
    if sieve is not None and eligible.find(snapshot, sieve) is None:
        eligible.sift(snapshot, sieve, progress)
    view = view_of(snapshot, asked, known)
    if view is not None and asked.other:
        overlap.count(view, others.read(others.chosen(asked.other, known)), progress)
