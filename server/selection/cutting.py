"""`dva select`: the best of a pool's scored pairs, with the certificate of how they were found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from server.config import VERSION, Settings
from server.db import Database
from server.errors import SelectionError
from server.pools import services as pools
from server.results.services import Standing
from server.selection import certificate, outputs, uids
from server.selection.asking import Engine, asking
from server.selection.certificate import AuditPart, Certificate, Counts, CutPart, MembersPart, Part
from server.selection.cut import TIES, Cut
from server.selection.scores import METADATA_KEY, write_scores
from server.selection.sorting import Members, Sorter
from server.selection.tables import ScoreTables
from server.trust.boundary import interval
from server.trust.sampled import Sampled, sampled

SCORES = "scores"
TOLD = ("pool", "agent", "bundle", "licence", "attribution")
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Selected:
    """`digest` is the certificate's: what to publish."""

    members: int
    scored: int
    threshold: float
    digest: str


def select_pool(
    database: Database,
    settings: Settings,
    *,
    pool: str,
    cut: Cut,
    out: Path,
    state: Standing,
    progress: Progress,
) -> Selected:
    """Writes the pool's scores as they are now into `out`/scores, and cuts those: `out` appears
    whole or not at all. Raises PoolError, SelectionError."""
    with _new_folder(out) as folder:
        with database.read() as session:
            sample = sampled(session, pools.get_pool(session, pool), state)
        write_scores(
            database, settings, pool=pool, out=folder / SCORES, progress=progress, state=state
        )
        return _cut(folder, tables_of(folder / SCORES, state=state), cut, sample)


def select_tables(
    scores: Path, *, cut: Cut, out: Path, state: Standing, column: str = "score"
) -> Selected:
    """Cuts a folder of score tables: what `dva scores` wrote, or DataComp's metadata. Raises
    SelectionError."""
    with _new_folder(out) as folder:
        return _cut(folder, tables_of(scores, state=state, column=column), cut, None)


def tables_of(folder: Path, *, state: Standing, column: str = "score") -> ScoreTables:
    return ScoreTables(files=tuple(sorted(folder.glob("*.parquet"))), column=column, state=state)


def sorted_members(engine: Engine, tables: ScoreTables, threshold: float, folder: Path) -> Sorter:
    """All at or above the threshold, ready to be read in order. Runs lie in `folder`."""
    sorter = Sorter(folder)
    for batch in tables.members(engine, threshold):
        high, low = uids.halves(batch.column(0))
        score = batch.column(1).to_numpy(zero_copy_only=False)
        sorter.add(Members(high, low, score.astype(np.float64)))
    return sorter


def told(tables: ScoreTables) -> dict[str, str]:
    """What the files say of their pool. Raises SelectionError where they aren't of one pool and
    one bundle: such scores don't compare."""
    found: dict[str, str] | None = None
    for file in tables.files:
        raw = (pq.read_schema(file).metadata or {}).get(METADATA_KEY.encode())
        said: dict[str, Any] = json.loads(raw) if raw else {}
        facts = {name: str(said.get(name) or "") for name in TOLD}
        if found is not None and facts != found:
            raise SelectionError(
                f"{file.name} isn't of the same pool and bundle as the tables before it.",
                code="scores_mixed",
            )
        found = facts
    return found or dict.fromkeys(TOLD, "")


def audit_part(sample: Sampled) -> AuditPart:
    """What the certificate says of audits."""
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


def _cut(folder: Path, tables: ScoreTables, cut: Cut, sample: Sampled | None) -> Selected:
    runs = folder / "runs"
    runs.mkdir()
    with asking() as engine:
        found = tables.find(engine, cut)
        facts = told(tables)
        sorter = sorted_members(engine, tables, found.threshold, runs)
    root = _write(folder, tables, sorter)
    members = len(sorter)
    shutil.rmtree(runs)
    made = Certificate(
        dva_version=VERSION,
        state=tables.state,
        cut=CutPart(
            rule=cut.rule,
            value=cut.value,
            threshold=found.threshold,
            column=tables.column,
            ties=TIES,
        ),
        counts=Counts(scored=found.scored, members=members, at_threshold=found.at_threshold),
        audit=None if sample is None else audit_part(sample),
        members=MembersPart(merkle_root=root, block=outputs.BLOCK),
        scores=[part(file) for file in tables.files],
        files=[part(folder / name) for name in (outputs.NPY, outputs.PARQUET)],
        pool=facts["pool"],
        agent=facts["agent"],
        bundle=facts["bundle"],
        licence=facts["licence"],
        attribution=facts["attribution"],
    )
    data = certificate.encode(made)
    (folder / certificate.NAME).write_bytes(data)
    return Selected(
        members=members,
        scored=found.scored,
        threshold=found.threshold,
        digest=certificate.decode(folder).digest,
    )


def _write(folder: Path, tables: ScoreTables, sorter: Sorter) -> str:
    """The Merkle root."""
    tree = outputs.Tree()
    kind = tables.schema.field(tables.column).type
    with outputs.Writer(folder, len(sorter), kind) as writer:
        for block in sorter:
            writer.add(block)
            tree.add(block)
    return tree.root()


@contextmanager
def _new_folder(out: Path) -> Iterator[Path]:
    """A folder beside `out` that takes its name at the end, if nothing went wrong."""
    if out.exists():
        raise SelectionError(
            f"{out} is there already.", code="folder_exists", next_step="Name a new folder."
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
