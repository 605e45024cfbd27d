"""`dva verify-selection`: what a certificate claims, held against the files beside it, and against
the score tables where they are at hand. Needs no server and no data folder."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from server.errors import SelectionError
from server.selection import certificate, outputs
from server.selection.asking import asking
from server.selection.certificate import Certificate, Part
from server.selection.cut import TIES, Cut
from server.selection.cutting import SCORES, audit_part, part, sorted_members, tables_of, told
from server.selection.sorting import Members
from server.trust.sampled import Sampled


@dataclass(frozen=True, kw_only=True)
class Verified:
    certificate: Certificate
    cut_again: bool
    """Whether the score tables were there and gave the same members."""


def verify(folder: Path, *, scores: Path | None = None, digest: str | None = None) -> Verified:
    """`scores`: where the tables lie, `folder`/scores if None and there is such a folder. `digest`:
    the certificate's, as it was published. Raises SelectionError for the first thing that is
    otherwise than it says."""
    claim = certificate.decode(folder)
    if digest is not None and claim.digest != digest:
        raise _differs("This certificate isn't the one with that digest.", "certificate_differs")
    if claim.cut.ties != TIES or claim.members.block != outputs.BLOCK:
        raise _differs("It was cut by rules that this version doesn't know.")
    if [each.name for each in claim.files] != [outputs.NPY, outputs.PARQUET]:
        raise _differs("It doesn't name the files that a selection has.")
    for each in claim.files:
        _require_same(folder / each.name, each)
    _check_counts(claim)
    _check_audit(claim)
    _check_members(folder, claim)
    if scores is None and (folder / SCORES).is_dir():
        scores = folder / SCORES
    if scores is not None:
        _cut_again(scores, claim)
    return Verified(certificate=claim, cut_again=scores is not None)


def _check_counts(claim: Certificate) -> None:
    """The threshold is where the rule puts it, if the counts are right."""
    cut = Cut(rule=claim.cut.rule, value=claim.cut.value)
    counts = claim.counts
    place = cut.place(counts.scored)
    if counts.members > counts.scored:
        raise _differs("It counts more members than scores.")
    if place is not None and not counts.members - counts.at_threshold <= place < counts.members:
        raise _differs("Its threshold isn't where its rule puts it.")


def _check_audit(claim: Certificate) -> None:
    said = claim.audit
    if said is None:
        return
    sample = Sampled(
        results=said.results,
        results_audited=said.results_audited,
        pairs=said.pairs,
        pairs_audited=said.pairs_audited,
        audits=said.audits_drawn,
        audits_failed=said.audits_failed,
    )
    if audit_part(sample) != said:
        raise _differs("Its shares don't follow from its counts of audits.")


def _check_members(folder: Path, claim: Certificate) -> None:
    tree = outputs.Tree()
    members = ties = 0
    last: tuple[int, int] | None = None
    for block in outputs.read_members(folder):
        if not (block.score >= claim.cut.threshold).all():
            raise _differs("A member's score is below the threshold.")
        if not len(block):
            continue
        if not _is_sorted(block) or (last and last > (int(block.high[0]), int(block.low[0]))):
            raise _differs("The members aren't in the order of their uids.")
        last = int(block.high[-1]), int(block.low[-1])
        members += len(block)
        ties += int((block.score == claim.cut.threshold).sum())
        tree.add(block)
    if (members, ties) != (claim.counts.members, claim.counts.at_threshold):
        raise _differs(f"It has {members:,} members, {ties:,} of them at the threshold.")
    if tree.root() != claim.members.merkle_root:
        raise _differs("The Merkle root isn't that of its members.")


def _is_sorted(block: Members) -> bool:
    rising = block.high[1:] > block.high[:-1]
    level = (block.high[1:] == block.high[:-1]) & (block.low[1:] >= block.low[:-1])
    return bool((rising | level).all())


def _cut_again(scores: Path, claim: Certificate) -> None:
    tables = tables_of(scores, state=claim.state, column=claim.cut.column)
    if [file.name for file in tables.files] != [each.name for each in claim.scores]:
        raise _differs("These aren't the score tables that were cut.")
    for file, each in zip(tables.files, claim.scores, strict=True):
        _require_same(file, each)
    if any(getattr(claim, name) != value for name, value in told(tables).items()):
        raise _differs("The score tables say another pool, bundle or licence.")
    tree = outputs.Tree()
    with tempfile.TemporaryDirectory() as runs:
        with asking() as engine:
            found = tables.find(engine, Cut(rule=claim.cut.rule, value=claim.cut.value))
            sorter = sorted_members(engine, tables, found.threshold, Path(runs))
        for block in sorter:
            tree.add(block)
    if (found.threshold, found.scored, found.at_threshold) != (
        claim.cut.threshold,
        claim.counts.scored,
        claim.counts.at_threshold,
    ):
        raise _differs("The score tables give another threshold or other counts.")
    if tree.root() != claim.members.merkle_root:
        raise _differs("The score tables give other members.")


def _require_same(path: Path, claim: Part) -> None:
    try:
        same = part(path) == claim
    except FileNotFoundError as error:
        raise _differs(f"{path.name} is missing.") from error
    if not same:
        raise _differs(f"{path.name} isn't the file that it was made with: its sha256 differs.")


def _differs(sentence: str, code: str = "selection_differs") -> SelectionError:
    return SelectionError(sentence, code=code)
