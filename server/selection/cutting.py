"""`dva select`: the best of a pool's scored pairs, with the certificate of how they were found."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from server.durable import put
from server.errors import SelectionError
from server.results.standing import Standing
from server.selection import certificate, outputs
from server.selection.asking import asking
from server.selection.certifying import certified, hashing
from server.selection.cut import Cut
from server.selection.engine import Filter
from server.selection.filters import Filters
from server.selection.finding import find
from server.selection.listing import read_list, write_halves
from server.selection.sorting import Members, even
from server.selection.tables import ScoreTables

if TYPE_CHECKING:
    from server.config import Settings
    from server.db import Database
    from server.trust.sampled import Sampled

SCORES = "scores"
Per = Literal["shard", "host", "language"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What is cut, beside the cut itself. `metadata`: a folder of tables that say more of the
    pairs. `per`: within what. `ray`: the address of a cluster that reads the tables."""

    state: Standing
    column: str = "score"
    filters: Filters = field(default_factory=Filters)
    metadata: Path | None = None
    per: Per | None = None
    ray: str | None = None


@dataclass(frozen=True, kw_only=True)
class Selected:
    """`scored`, `eligible`: pairs with a score, and what the filters left of them. `threshold`:
    None where each stratum has its own. `digest` is the certificate's: what to publish."""

    members: int
    scored: int
    eligible: int
    threshold: float | None
    digest: str


def select_pool(
    database: Database,
    settings: Settings,
    *,
    pool: str,
    cut: Cut,
    out: Path,
    terms: Terms,
    progress: Progress,
) -> Selected:
    """Writes the pool's scores as they are now into `out`/scores, and cuts those: `out` appears
    whole or not at all. Raises PoolError, SelectionError."""
    # Here, because they bring the database, which takes longer to load than all that tables need.
    from server.pools import services as pools
    from server.selection.scores import write_scores
    from server.trust.sampled import sampled

    with _new_folder(out) as folder:
        with database.read() as session:
            sample = sampled(session, pools.get_pool(session, pool), terms.state)
        scores = folder / SCORES
        write_scores(
            database, settings, pool=pool, out=scores, progress=progress, state=terms.state
        )
        return _cut(folder, scores, cut, terms, sample)


def select_tables(scores: Path, *, cut: Cut, out: Path, terms: Terms) -> Selected:
    """Cuts a folder of score tables: what `dva scores` wrote, or DataComp's metadata. Raises
    SelectionError."""
    with _new_folder(out) as folder:
        return _cut(folder, scores, cut, terms, None)


def tables_of(
    folder: Path, terms: Terms, filters: Iterable[Filter] = (), metadata: Path | None = None
) -> ScoreTables:
    return ScoreTables(
        files=_parquet(folder),
        column=terms.column,
        state=terms.state,
        metadata=() if metadata is None else _parquet(metadata),
        filters=tuple(filters),
        distinct=terms.filters.distinct,
        by=terms.per,
    )


def with_lists(filters: Iterable[Filter], lists: Path, folder: Path) -> Iterator[Filter]:
    """The same, their lists made into what the engine searches. `lists`: where they lie, as
    NAME.npy in DataComp's layout."""
    for each in filters:
        name = each["name"]
        if each["file"] is not None:
            listed = np.load(lists / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            each = Filter(**{**each, "file": str(write_halves(listed, folder / f"{name}.npy"))})
        yield each


def write_members(folder: Path, tables: ScoreTables, count: int, blocks: Iterable[Members]) -> str:
    """The Merkle root. While a block is written, the next one is sorted."""
    tree = outputs.Tree()
    kind = tables.schema.field(tables.column).type
    with outputs.Writer(folder, count, kind) as writer, ThreadPoolExecutor(1) as beside:

        def write(block: Members) -> None:
            writer.add(block)
            tree.add(block)

        last: Future[None] | None = None
        for block in even(blocks, outputs.ROWS):
            if last is not None:
                last.result()
            last = beside.submit(write, block)
        if last is not None:
            last.result()
    return tree.root()


def _cut(folder: Path, scores: Path, cut: Cut, terms: Terms, sample: Sampled | None) -> Selected:
    runs = folder / "runs"
    runs.mkdir()
    lists = [Path(each["file"]) for each in terms.filters if each["file"] is not None]
    names = [each["name"] for each in terms.filters if each["file"] is not None]
    kept = [folder / f"{name}.npy" for name in names]
    for given, path in zip(lists, kept, strict=True):
        np.save(path, read_list(given))
    asked = with_lists(terms.filters, folder, runs)
    tables = tables_of(scores, terms, asked, terms.metadata)
    with asking(terms.ray) as engine:
        chosen = find(engine, tables, cut, runs)
    found = chosen.found
    with hashing(tables.files) as scores_hashed:
        root = write_members(folder, tables, found.members, chosen)
        shutil.rmtree(runs)
        files = [folder / outputs.NPY, folder / outputs.PARQUET, *kept]
        made = certified(
            tables,
            cut,
            found,
            root=root,
            scores=scores_hashed.result(),
            files=files,
            sample=sample,
        )
    (folder / certificate.NAME).write_bytes(certificate.encode(made))
    return Selected(
        members=found.members,
        scored=found.scored,
        eligible=found.eligible,
        threshold=found.threshold,
        digest=certificate.decode(folder).digest,
    )


def _parquet(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(folder.glob("*.parquet")))


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
        put(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
