"""Make the demo pool: `python -m export.demo.pool`. Needs no torch.

WebDataset shards drawn from artwork the demo network has never seen; about 30 % of the captions are
right. The truth lies beside the shards, never in them.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from export.demo import pool_kinds as kinds
from export.demo.artwork import POOL_VENDOR, load_vendor, vendor_info
from export.demo.concepts import FLAG, Concept, load_concepts, load_names
from export.demo.pool_broken import BrokenPair, broken_pairs
from export.demo.pool_description import (
    POOL,
    TRUTH,
    PoolDescription,
    ShardEntry,
    read_pool,
    sha256_of,
)
from export.demo.pool_pictures import picture
from export.demo.pool_plan import PlannedPair, make_plan, uid_of
from export.demo.pool_shards import Sample, write_shard

_SOURCES = ("artwork", "captions", "concepts", "scenes", "pool*")
"""This folder's modules that decide what a pool looks like."""
ROOT = Path(__file__).resolve().parents[2]
TRAINED_CONCEPTS = Path(__file__).parent / "checkpoint/concepts.json"
_FLAGS = frozenset({"flag: England", "flag: Scotland", "flag: Martinique"})
"""The flags that pools have had from the first on, so that a pool stays what it was."""
_CHUNK = 32

Job = tuple[PlannedPair, tuple[str, ...]]
"""A pair and its drawings' SVG."""
Mapping = Callable[
    [Callable[[Sequence[Job]], list[Sample]], list[list[Job]]], Iterable[list[Sample]]
]


@dataclass(frozen=True, kw_only=True)
class PoolSpec:
    pairs: int = 3840
    """Readable ones; a dozen broken ones are added."""
    shards: int = 4
    seed: int = 15


def make_pool(
    *, out: Path, node_modules: Path, spec: PoolSpec, workers: int = 1
) -> PoolDescription:
    """The pool in `out`, made if it isn't there yet. It appears there whole or not at all.

    Raises FileNotFoundError if a package is missing, FileExistsError if `out` holds something else.
    """
    trained = frozenset(msgspec.json.decode(TRAINED_CONCEPTS.read_bytes(), type=list[str]))
    maker = _fingerprint(spec, trained, node_modules)
    existing = read_pool(out)
    if existing is not None and existing.maker == maker:
        return existing
    if out.exists() and any(out.iterdir()) and not (out / POOL).exists():
        raise FileExistsError(f"{out} exists and isn't a demo pool: name another folder.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as temporary:
        made = Path(temporary) / "pool"
        made.mkdir()
        description = _write(made, node_modules, spec, trained, maker, workers)
        if existing is not None and _same_files(existing, description):
            # A server may hold these shards open, by size and time: leave them.
            (made / POOL).replace(out / POOL)
            return description
        if out.exists():
            out.rename(Path(temporary) / "old")
        made.rename(out)
    return description


def pool_concepts(concepts: Sequence[Concept], trained: Container[str]) -> list[Concept]:
    """Those that the network knows, without most countries' flags: too many are drawn alike for
    one's name to be surely wrong beside another."""
    return [
        concept
        for concept in concepts
        if concept.label in trained
        and (concept.label in _FLAGS or not concept.label.startswith(FLAG))
    ]


def _same_files(one: PoolDescription, other: PoolDescription) -> bool:
    return one.shards == other.shards and one.truth_sha256 == other.truth_sha256


def _write(
    folder: Path,
    node_modules: Path,
    spec: PoolSpec,
    trained: frozenset[str],
    maker: str,
    workers: int,
) -> PoolDescription:
    concepts = load_concepts(node_modules)
    svgs = load_vendor(node_modules, POOL_VENDOR, concepts).svgs
    shown = pool_concepts([c for c in concepts if c.label in svgs], trained)
    names = {language: load_names(node_modules, language) for language in kinds.LANGUAGES}
    plan = make_plan(concepts=shown, names=names, pairs=spec.pairs, seed=spec.seed)
    # Pairs that share a drawing go together, so that each is rasterised once.
    by_drawing = sorted(plan, key=lambda pair: (pair.shown, pair.index))
    jobs = [(pair, tuple(svgs[label] for label in pair.shown)) for pair in by_drawing]
    chunks = [jobs[at : at + _CHUNK] for at in range(0, len(jobs), _CHUNK)]
    drawn: dict[str, Sample] = {}
    with (
        _mapping(workers) as mapping,
        tqdm(total=len(plan), desc="demo pool", unit="pair", file=sys.stderr) as bar,
    ):
        for chunk in mapping(_draw, chunks):
            drawn.update({sample.uid: sample for sample in chunk})
            bar.update(len(chunk))
    samples = [drawn[pair.uid] for pair in plan]
    truth = [(pair.uid, pair.kind, pair.label) for pair in plan]
    shards = _shards(folder, spec, samples, truth)
    _write_truth(folder / TRUTH, truth)
    info = vendor_info(node_modules, POOL_VENDOR)
    description = PoolDescription(
        name="demo",
        title="Emoji with captions, most of them wrong",
        licence=info.license.spdx,
        licence_url=info.license.url,
        attribution=(
            f"Pictures adapted from {info.name} by {info.author.name} and other contributors "
            f"({info.author.url}), {info.license.title}; captions from emojibase-data (MIT)."
        ),
        safe=True,
        maker=maker,
        pairs=len(truth),
        counts=dict(sorted(Counter(kind for _, kind, _ in truth).items())),
        shards=shards,
        truth_sha256=sha256_of(folder / TRUTH),
    )
    (folder / POOL).write_bytes(msgspec.json.format(msgspec.json.encode(description)))
    return description


@contextmanager
def _mapping(workers: int) -> Iterator[Mapping]:
    """`map`, or one that spreads over processes. They are spawned: forking a process that has
    threads (torch's, a test runner's) may hang."""
    if workers == 1:
        yield map
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=workers, mp_context=context) as executor:
        yield executor.map


def _draw(jobs: Sequence[Job]) -> list[Sample]:
    return [
        Sample(
            uid=pair.uid,
            extension=pair.extension,
            image=picture(pair, svgs),
            caption=pair.caption.encode(),
            width=pair.width,
            height=pair.height,
        )
        for pair, svgs in jobs
    ]


def _shards(
    folder: Path, spec: PoolSpec, samples: Sequence[Sample], truth: list[tuple[str, str, bool]]
) -> list[ShardEntry]:
    """Deal the samples and the broken pairs out to shards; the broken ones join the truth."""
    broken = _broken(spec, samples)
    truth += [(sample.uid, kinds.BROKEN, False) for sample in broken]
    entries = []
    for number in range(spec.shards):
        first = len(samples) * number // spec.shards
        last = len(samples) * (number + 1) // spec.shards
        members = list(samples[first:last])
        rng = np.random.default_rng((spec.seed, number, 3))
        for sample in broken[number :: spec.shards]:
            members.insert(int(rng.integers(len(members) + 1)), sample)
        path = folder / f"{number:05d}.tar"
        digest = write_shard(path, number, members)
        entries.append(
            ShardEntry(path=path.name, pairs=len(members), bytes=path.stat().st_size, sha256=digest)
        )
    return entries


def _broken(spec: PoolSpec, samples: Sequence[Sample]) -> list[Sample]:
    """The dozen, made from the largest good file of each format."""
    largest = {
        extension: max(
            (s.image for s in samples if s.extension == extension and s.image is not None), key=len
        )
        for extension in ("jpg", "png", "webp")
    }
    made: list[BrokenPair] = broken_pairs(largest["jpg"], largest["png"], largest["webp"])
    return [
        Sample(
            uid=uid_of(spec.seed, spec.pairs + index),
            extension=pair.extension,
            image=pair.image,
            caption=pair.caption,
            width=256,
            height=256,
        )
        for index, pair in enumerate(made)
    ]


def _write_truth(path: Path, truth: Sequence[tuple[str, str, bool]]) -> None:
    uids, names, labels = zip(*sorted(truth), strict=True)
    table = pa.table({"uid": list(uids), "kind": list(names), "label": list(labels)})
    pq.write_table(table, path)


def _fingerprint(spec: PoolSpec, trained: frozenset[str], node_modules: Path) -> str:
    """Over the arguments, the code and the versions of all that can move a byte of the shards."""
    sources = hashlib.sha256()
    for path in sorted(p for name in _SOURCES for p in Path(__file__).parent.glob(f"{name}.py")):
        sources.update(path.read_bytes())
    packages = {
        name: msgspec.json.decode((node_modules / name / "package.json").read_bytes())["version"]
        for name in (f"@iconify-json/{POOL_VENDOR}", "emojibase-data")
    }
    material = {
        "sources": sources.hexdigest(),
        "pairs": spec.pairs,
        "shards": spec.shards,
        "seed": spec.seed,
        "trained": sorted(trained),
        "npm": packages,
        "python": {name: version(name) for name in ("pillow", "resvg-py", "numpy")},
    }
    return hashlib.sha256(msgspec.json.encode(material, order="sorted")).hexdigest()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m export.demo.pool",
        description="Make the demo pool; a second run finds it and does nothing.",
        epilog="example: python -m export.demo.pool --out build/demo-pool",
    )
    parser.add_argument("--out", type=Path, default=ROOT / "build/demo-pool", help="its folder")
    parser.add_argument("--node-modules", type=Path, default=ROOT / "node_modules")
    parser.add_argument(
        "--workers", type=int, default=min(4, os.cpu_count() or 1), help="processes that draw"
    )
    return parser.parse_args()


def main() -> None:
    options = arguments()
    try:
        made = make_pool(
            out=options.out,
            node_modules=options.node_modules,
            spec=PoolSpec(),
            workers=options.workers,
        )
    except FileNotFoundError as error:
        sys.exit(f"{error.filename} is missing: run `npm ci` (or `make setup`) first.")
    except FileExistsError as error:
        sys.exit(str(error))
    size = sum(shard.bytes for shard in made.shards) / 1e6
    print(f"{options.out}: {made.pairs} pairs in {len(made.shards)} shards, {size:.1f} MB")


if __name__ == "__main__":
    main()
