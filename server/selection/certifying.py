"""What a certificate says of a cut that was made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from itertools import takewhile
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from server.config import VERSION
from server.selection import outputs
from server.selection.certificate import (
    AuditPart,
    Certificate,
    Counts,
    CutPart,
    FilterPart,
    MembersPart,
    Part,
    StratumPart,
)
from server.selection.cut import TIES, Cut
from server.selection.filters import DISTINCT
from server.selection.finding import Found
from server.selection.tables import ScoreTables

if TYPE_CHECKING:
    from server.trust.sampled import Sampled


def certified(
    tables: ScoreTables,
    cut: Cut,
    found: Found,
    *,
    root: str,
    scores: list[Part],
    files: Iterable[Path],
    sample: Sampled | None,
) -> Certificate:
    """`scores`: the tables' files. Raises SelectionError where they aren't of one pool."""
    told = tables.footers.told
    return Certificate(
        dva_version=VERSION,
        state=tables.state,
        cut=cut_part(tables, cut, found),
        filters=filter_parts(tables, found),
        counts=counts(found),
        strata=strata(found),
        audit=None if sample is None else audit_part(sample),
        members=MembersPart(merkle_root=root, block=outputs.BLOCK),
        scores=scores,
        metadata=[part(file) for file in tables.metadata],
        files=[part(file) for file in files],
        pool=told["pool"],
        agent=told["agent"],
        bundle=told["bundle"],
        licence=told["licence"],
        attribution=told["attribution"],
    )


def cut_part(tables: ScoreTables, cut: Cut, found: Found) -> CutPart:
    per: Any = tables.by
    return CutPart(
        rule=cut.rule,
        value=float(cut.value),
        threshold=found.threshold,
        per=per,
        column=tables.column,
        ties=TIES,
    )


def filter_parts(tables: ScoreTables, found: Found) -> list[FilterPart]:
    asked = {each["name"]: each for each in tables.filters}
    parts = []
    for fell in found.fallen:
        each = asked.get(fell.name)
        file = None if each is None else each["file"]
        parts.append(
            FilterPart(
                name=fell.name,
                low=each["low"] if each else None,
                high=each["high"] if each else None,
                words=each["words"] if each else [],
                file=None if file is None else Path(file).name,
                failed=fell.failed,
                unknown=fell.unknown,
            )
        )
    assert tables.distinct == any(part.name == DISTINCT for part in parts)
    return parts


def strata(found: Found) -> list[StratumPart]:
    return [StratumPart(**asdict(each)) for each in found.strata]


def counts(found: Found) -> Counts:
    return Counts(
        scored=found.scored,
        eligible=found.eligible,
        members=found.members,
        at_threshold=found.at_threshold,
    )


def audit_part(sample: Sampled) -> AuditPart:
    """What the certificate says of audits."""
    # Here, because it brings ONNX Runtime, which tables without a pool don't need.
    from server.trust.boundary import interval

    rate = low = high = None
    if sample.audits:
        rate = sample.audits_failed / sample.audits
        # Of results without end: those to come count too.
        low, high = interval(sample.audits_failed, sample.audits, 1 << 62)
    return AuditPart(
        results=sample.results,
        results_audited=sample.results_audited,
        pairs=sample.pairs,
        pairs_audited=sample.pairs_audited,
        share_audited=sample.pairs_audited / sample.pairs if sample.pairs else 0.0,
        audits_drawn=sample.audits,
        audits_failed=sample.audits_failed,
        wrong_rate=rate,
        wrong_rate_low95=low,
        wrong_rate_high95=high,
    )


def part(path: Path) -> Part:
    return Part(**asdict(outputs.facts(path)))


@contextmanager
def hashing(files: Iterable[Path]) -> Iterator[Future[list[Part]]]:
    """The parts of a certificate, made beside other work: hashing all tables takes a core about as
    long as writing the members takes another. When the block is left it ends, done or not."""
    left = Event()

    def parts() -> list[Part]:
        return [part(file) for file in takewhile(lambda _: not left.is_set(), files)]

    with ThreadPoolExecutor(1) as beside:
        try:
            yield beside.submit(parts)
        finally:
            left.set()
