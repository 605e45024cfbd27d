"""What a page looks at: a snapshot's pairs in one standing, or what filters leave of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from server.results.standing import Standing
from server.selection.finding import Fallen
from server.workbench import eligible
from server.workbench.asked import Asked
from server.workbench.eligible import Sieve
from server.workbench.others import Choice
from server.workbench.parts import Parts
from server.workbench.ranking import Ranking, Records
from server.workbench.snapshot import Snapshot


@dataclass(frozen=True, kw_only=True)
class View:
    """`folder`: where what is counted of it is kept, by the names of the rankings. `scored`: pairs
    with a score, before any filter. `parts`: where a cut is made within strata."""

    snapshot: Snapshot
    standing: Standing
    folder: Path
    by_name: Mapping[str, Ranking]
    scored: int
    fallen: Sequence[Fallen] = ()
    parts: Parts | None = None

    def __len__(self) -> int:
        """What a cut is of."""
        return sum(map(len, self.rankings))

    @property
    def rankings(self) -> list[Ranking]:
        return list(self.by_name.values())

    def placed(self, records: Records) -> Records:
        """The same pairs, with the shard and unit that each is in."""
        if self.folder == self.snapshot.folder:
            return records
        return eligible.placed(list(self.snapshot.of(self.standing).values()), records)


def sieve_of(asked: Asked, known: Sequence[Choice]) -> Sieve | None:
    """None where nothing is left out and nothing is divided. Raises SelectionError."""
    words = asked.left_out
    return Sieve.of(asked.standing, words, known) if words else None


def view_of(snapshot: Snapshot, asked: Asked, known: Sequence[Choice]) -> View | None:
    """None where it has to be counted first what the filters leave. Raises SelectionError."""
    of_state: Mapping[str, Ranking] = {**snapshot.of(asked.standing)}
    scored = sum(map(len, of_state.values()))
    sieve = sieve_of(asked, known)
    if sieve is None:
        return View(
            snapshot=snapshot,
            standing=asked.standing,
            folder=snapshot.folder,
            by_name=of_state,
            scored=scored,
        )
    found = eligible.find(snapshot, sieve)
    if found is None:
        return None
    folder, left = found
    return View(
        snapshot=snapshot,
        standing=asked.standing,
        folder=folder,
        by_name={eligible.RANKING: left.ranking},
        scored=left.facts.scored,
        fallen=left.facts.fallen,
        parts=left.parts,
    )
