"""`dva verify-selection`: what a certificate claims, held against the files beside it, and against
the score tables where they are at hand. Needs no server and no data folder."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from server.errors import SelectionError
from server.selection import certificate, certifying, outputs
from server.selection.asking import asking
from server.selection.certificate import Certificate, Part
from server.selection.certifying import audit_part, part
from server.selection.cut import TIES, Cut
from server.selection.cutting import SCORES, Terms, tables_of, with_lists
from server.selection.engine import Filter
from server.selection.filters import ALLOW, DENY, DISTINCT, Filters
from server.selection.finding import Found, find
from server.selection.sorting import Members
from server.selection.strata import apportion
from server.selection.tables import ScoreTables


@dataclass(frozen=True, kw_only=True)
class Verified:
    certificate: Certificate
    cut_again: bool
    """Whether the score tables were there and gave the same members."""


def verify(
    folder: Path,
    *,
    scores: Path | None = None,
    metadata: Path | None = None,
    digest: str | None = None,
) -> Verified:
    """`scores`: where the tables lie, `folder`/scores if None and there is such a folder;
    `metadata`: where those lie that were joined, without which it can't be cut again. `digest`: the
    certificate's, as it was published. Raises SelectionError for the first thing that is otherwise
    than it says."""
    claim = certificate.decode(folder)
    if digest is not None and claim.digest != digest:
        raise _differs("This certificate isn't the one with that digest.", "certificate_differs")
    if claim.cut.ties != TIES or claim.members.block != outputs.BLOCK:
        raise _differs("It was cut by rules that this version doesn't know.")
    lists = [each.name for each in claim.filters if each.file is not None]
    if not {ALLOW, DENY}.issuperset(lists) or [each.name for each in claim.files] != [
        outputs.NPY,
        outputs.PARQUET,
        *(f"{name}.npy" for name in lists),
    ]:
        raise _differs("It doesn't name the files that a selection has.")
    for each in claim.files:
        require_same(folder / each.name, each)
    _check_counts(claim)
    _check_audit(claim)
    _check_members(folder, claim)
    if scores is None and (folder / SCORES).is_dir():
        scores = folder / SCORES
    again = scores is not None and (metadata is not None or not claim.metadata)
    if again:
        assert scores is not None, "just asked"
        _cut_again(folder, scores, metadata, claim)
    return Verified(certificate=claim, cut_again=again)


def _check_counts(claim: Certificate) -> None:
    """The threshold is where the rule puts it, if the counts are right."""
    cut = Cut(rule=claim.cut.rule, value=claim.cut.value)
    counts = claim.counts
    place = cut.place(counts.eligible)
    if counts.members > counts.eligible:
        raise _differs("It counts more members than scores.")
    fell = sum(each.failed + each.unknown for each in claim.filters)
    if counts.scored - fell != counts.eligible:
        raise _differs("What its filters took out and what they left don't add up.")
    if not (claim.cut.threshold is None) == bool(claim.strata) == (claim.cut.per is not None):
        raise _differs("It has strata or a threshold, not both.")
    if claim.strata:
        _check_strata(claim, place)
    elif place is not None and not counts.members - counts.at_threshold <= place < counts.members:
        raise _differs("Its threshold isn't where its rule puts it.")


def _check_strata(claim: Certificate, place: int | None) -> None:
    strata, counts = claim.strata, claim.counts
    names = [each.name for each in strata]
    if place is None or names != sorted(set(names)):
        raise _differs("Its strata aren't in the order of their names.")
    if [each.quota for each in strata] != apportion(place + 1, [each.eligible for each in strata]):
        raise _differs("The quotas of its strata aren't in proportion.")
    for each in strata:
        least = each.members - each.at_threshold
        if not (least < each.quota <= each.members <= each.eligible or each.members == 0):
            raise _differs(f"The threshold of {each.name!r} isn't where its quota puts it.")
        if (each.quota == 0) != (each.members == 0) or (each.quota == 0) != (
            each.threshold is None
        ):
            raise _differs(f"{each.name!r} has no quota, or no members.")
    sums = tuple(
        sum(getattr(each, name) for each in strata)
        for name in ("eligible", "members", "at_threshold")
    )
    if sums != (counts.eligible, counts.members, counts.at_threshold):
        raise _differs("Its strata don't add up.")


def _check_audit(claim: Certificate) -> None:
    said = claim.audit
    if said is None:
        return
    # Here, because most of what is checked is of no pool; it brings the database.
    from server.trust.sampled import Sampled

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
    precision = outputs.precision(folder)
    if claim.cut.rule == "threshold" and claim.cut.threshold != float(precision(claim.cut.value)):
        raise _differs("Its threshold isn't the one that its rule names.")
    tree = outputs.Tree()
    members = ties = 0
    thresholds = [each.threshold for each in claim.strata if each.threshold is not None]
    # With strata no score tells alone, but none is below all thresholds.
    least = min(thresholds) if claim.cut.threshold is None else claim.cut.threshold
    last: tuple[int, int] | None = None
    for block in outputs.read_members(folder):
        if not (block.score >= least).all():
            raise _differs("A member's score is below the threshold.")
        if not len(block):
            continue
        if not _is_sorted(block) or (last and last > (int(block.high[0]), int(block.low[0]))):
            raise _differs("The members aren't in the order of their uids.")
        last = int(block.high[-1]), int(block.low[-1])
        members += len(block)
        ties += int((block.score == least).sum())
        tree.add(block)
    if members != claim.counts.members or (not claim.strata and ties != claim.counts.at_threshold):
        raise _differs(f"It has {members:,} members, {ties:,} of them at the threshold.")
    if tree.root() != claim.members.merkle_root:
        raise _differs("The Merkle root isn't that of its members.")


def _is_sorted(block: Members) -> bool:
    rising = block.high[1:] > block.high[:-1]
    level = (block.high[1:] == block.high[:-1]) & (block.low[1:] >= block.low[:-1])
    return bool((rising | level).all())


def _cut_again(folder: Path, scores: Path, metadata: Path | None, claim: Certificate) -> None:
    cut = Cut(rule=claim.cut.rule, value=claim.cut.value)
    distinct = any(each.name == DISTINCT for each in claim.filters)
    terms = Terms(
        state=claim.state,
        column=claim.cut.column,
        filters=Filters(distinct=distinct),
        per=claim.cut.per,
    )
    tree = outputs.Tree()
    with tempfile.TemporaryDirectory() as home:
        runs = Path(home)
        filters = with_lists(_asked(claim), folder, runs)
        tables = tables_of(scores, terms, filters, metadata if claim.metadata else None)
        _require_all_same(tables.files, claim.scores, "score tables")
        _require_all_same(tables.metadata, claim.metadata, "metadata tables")
        if any(getattr(claim, name) != value for name, value in tables.footers.told.items()):
            raise _differs("The score tables say another pool, bundle or licence.")
        with asking() as engine:
            chosen = find(engine, tables, cut, runs)
        for block in chosen:
            tree.add(block)
    _require_found(tables, cut, chosen.found, claim)
    if tree.root() != claim.members.merkle_root:
        raise _differs("The score tables give other members.")


def _asked(claim: Certificate) -> list[Filter]:
    return [
        Filter(name=each.name, low=each.low, high=each.high, words=each.words, file=each.file)
        for each in claim.filters
        if each.name != DISTINCT
    ]


def _require_found(tables: ScoreTables, cut: Cut, found: Found, claim: Certificate) -> None:
    if (
        certifying.cut_part(tables, cut, found) != claim.cut
        or certifying.counts(found) != claim.counts
        or certifying.strata(found) != claim.strata
    ):
        raise _differs("The score tables give another threshold or other counts.")
    if certifying.filter_parts(tables, found) != claim.filters:
        raise _differs("The filters take out other pairs than it says.")


def _require_all_same(files: Sequence[Path], claims: Sequence[Part], what: str) -> None:
    if [file.name for file in files] != [each.name for each in claims]:
        raise _differs(f"These aren't the {what} that were cut.")
    for file, each in zip(files, claims, strict=True):
        require_same(file, each)


def require_same(path: Path, claim: Part) -> None:
    try:
        same = part(path) == claim
    except FileNotFoundError as error:
        raise _differs(f"{path.name} is missing.") from error
    if not same:
        raise _differs(f"{path.name} isn't the file that it was made with: its sha256 differs.")


def _differs(sentence: str, code: str = "selection_differs") -> SelectionError:
    return SelectionError(sentence, code=code)
