"""The demo pool: its mix, its layout, its truth, and that it is always the same."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path

import ftfy
import msgspec
import pyarrow.parquet as pq
import pytest
from PIL import Image

from export.demo import pool_kinds as kinds
from export.demo.artwork import load_vendor
from export.demo.concepts import Concept, load_concepts, load_names
from export.demo.pool import TRAINED_CONCEPTS, PoolSpec, make_pool, pool_concepts
from export.demo.pool_description import read_pool
from export.demo.pool_plan import PlannedPair, make_plan

NODE_MODULES = Path(__file__).resolve().parents[2] / "node_modules"
SMALL = PoolSpec(pairs=160, shards=3, seed=5)

Members = dict[str, dict[str, bytes]]


@pytest.fixture(scope="module")
def concepts() -> list[Concept]:
    trained = set(json.loads(TRAINED_CONCEPTS.read_text()))
    everything = load_concepts(NODE_MODULES)
    svgs = load_vendor(NODE_MODULES, "twemoji", everything).svgs
    return pool_concepts([c for c in everything if c.label in svgs], trained)


@pytest.fixture(scope="module")
def plan(concepts: list[Concept]) -> list[PlannedPair]:
    names = {language: load_names(NODE_MODULES, language) for language in kinds.LANGUAGES}
    spec = PoolSpec()
    return make_plan(concepts=concepts, names=names, pairs=spec.pairs, seed=spec.seed)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pool") / "demo-pool"
    make_pool(out=folder, node_modules=NODE_MODULES, spec=SMALL)
    return folder


def read_shards(folder: Path) -> Members:
    members: Members = {}
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            for info in tar:
                assert info.isreg()
                assert info.mtime == 0
                key, extension = info.name.split(".")
                assert key.startswith(path.stem)
                file = tar.extractfile(info)
                assert file is not None
                members.setdefault(key, {})[extension] = file.read()
    return members


def test_the_maker_needs_no_torch() -> None:
    """It runs at set-up, where torch isn't installed."""
    hidden = (
        "import sys; sys.modules.update(torch=None, torchvision=None, open_clip=None, onnx=None)"
    )
    subprocess.run([sys.executable, "-c", f"{hidden}; import export.demo.pool"], check=True)


def test_the_real_pool_has_fifteen_units_or_more(plan: list[PlannedPair]) -> None:
    assert len(plan) >= 15 * 256
    assert len({pair.uid for pair in plan}) == len(plan)


def test_thirty_percent_are_right_and_every_kind_is_there(plan: list[PlannedPair]) -> None:
    counts = Counter(pair.kind for pair in plan)
    assert set(counts) == set(kinds.SHARES)
    for kind, share in kinds.SHARES.items():
        assert counts[kind] == pytest.approx(share * len(plan), abs=3)
    assert sum(pair.label for pair in plan) == pytest.approx(0.3 * len(plan), abs=1)


def test_only_concepts_the_network_has_learnt(
    plan: list[PlannedPair], concepts: list[Concept]
) -> None:
    assert {label for pair in plan for label in pair.shown} <= {c.label for c in concepts}
    assert all(concept.seen for concept in concepts)


def test_wrong_captions_are_wrong(plan: list[PlannedPair], concepts: list[Concept]) -> None:
    by_label = {concept.label: concept for concept in concepts}
    for pair in plan:
        caption = pair.caption.lower()
        names = [by_label[label].name.lower() for label in pair.shown]
        if pair.kind in {"shuffled", "near_miss", "generic", "truncated"}:
            assert not any(re.search(rf"\b{re.escape(name)}\b", caption) for name in names), pair
        if pair.kind == "truncated":
            assert len(caption.split()[-1]) <= 2, pair  # "of", "a", or a subject's two letters


def test_mojibake_is_broken_and_repairable(
    plan: list[PlannedPair], concepts: list[Concept]
) -> None:
    by_label = {concept.label: concept for concept in concepts}
    for pair in plan:
        if pair.kind == "mojibake":
            repaired = ftfy.fix_text(pair.caption)
            assert repaired != pair.caption
            name = by_label[pair.shown[0]].name
            assert ftfy.fix_text(name) in repaired


def test_the_kind_does_not_show_in_the_uid_or_the_order(plan: list[PlannedPair]) -> None:
    labels = [pair.label for pair in plan]
    for part in (labels[: len(labels) // 2], labels[len(labels) // 2 :]):
        assert sum(part) / len(part) == pytest.approx(0.3, abs=0.04)
    by_uid = [pair.label for pair in sorted(plan, key=lambda pair: pair.uid)]
    assert sum(by_uid[: len(by_uid) // 2]) / (len(by_uid) // 2) == pytest.approx(0.3, abs=0.04)


def test_layout_is_img2dataset_s(pool: Path) -> None:
    members = read_shards(pool)
    assert len(members) == SMALL.pairs + 12
    truth = pq.read_table(pool / "truth.parquet").to_pylist()
    kind_of = {row["uid"]: row["kind"] for row in truth}
    formats: Counter[str | None] = Counter()
    for key, parts in members.items():
        description = json.loads(parts["json"])
        assert description["key"] == key
        assert re.fullmatch("[0-9a-f]{32}", description["uid"])
        if kind_of[description["uid"]] == kinds.BROKEN:
            continue
        (encoded,) = [parts[e] for e in ("jpg", "png", "webp") if e in parts]
        assert description["sha256"] == hashlib.sha256(encoded).hexdigest()
        image = Image.open(io.BytesIO(encoded))
        image.load()
        assert image.mode == "RGB"
        assert image.size == (description["width"], description["height"])
        assert not image.getexif()
        assert description["caption"] == parts["txt"].decode()
        assert parts["txt"].strip()
        formats[image.format] += 1
    assert formats.keys() == {"JPEG", "PNG", "WEBP"}


def test_a_dozen_are_broken_each_in_its_way(pool: Path) -> None:
    truth = pq.read_table(pool / "truth.parquet").to_pylist()
    broken = {row["uid"] for row in truth if row["kind"] == kinds.BROKEN}
    bodies = [
        parts for parts in read_shards(pool).values() if json.loads(parts["json"])["uid"] in broken
    ]
    assert len(bodies) == 12
    unreadable = 0
    for parts in bodies:
        encoded = [parts[e] for e in ("jpg", "png", "webp") if e in parts]
        try:
            Image.open(io.BytesIO(encoded[0])).load()
            caption = parts["txt"].decode()
        except (OSError, IndexError, KeyError, UnicodeDecodeError, Image.DecompressionBombError):
            unreadable += 1
        else:
            assert not caption.strip()
    assert unreadable == 10


def test_the_truth_is_beside_the_shards_only(pool: Path) -> None:
    table = pq.read_table(pool / "truth.parquet")
    assert [(f.name, str(f.type)) for f in table.schema] == [
        ("uid", "string"),
        ("kind", "string"),
        ("label", "bool"),
    ]
    members = read_shards(pool)
    uids = [json.loads(parts["json"])["uid"] for parts in members.values()]
    assert sorted(uids) == table["uid"].to_pylist()
    words = {*kinds.SHARES, kinds.BROKEN, "kind", "label", "truth"} - {"true", "broken"}
    for parts in members.values():
        description = json.loads(parts["json"])
        assert description["status"] == "success"
        del description["caption"]
        assert not any(word in json.dumps(description) for word in words)


def test_the_description_counts_and_attributes(pool: Path) -> None:
    description = json.loads((pool / "pool.json").read_text())
    assert description["safe"] is True
    assert description["licence"] == "CC-BY-4.0"
    assert "Twitter" in description["attribution"]
    assert sum(description["counts"].values()) == description["pairs"] == SMALL.pairs + 12
    assert sum(shard["pairs"] for shard in description["shards"]) == description["pairs"]


def test_twice_the_same_with_more_workers(pool: Path, tmp_path: Path) -> None:
    again = make_pool(out=tmp_path / "again", node_modules=NODE_MODULES, spec=SMALL, workers=2)
    assert again == read_pool(pool)


def test_a_second_run_touches_nothing(pool: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in pool.iterdir()}
    make_pool(out=pool, node_modules=NODE_MODULES, spec=SMALL)
    assert {path: path.stat().st_mtime_ns for path in pool.iterdir()} == before


def test_a_damaged_pool_is_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "demo-pool"
    spec = PoolSpec(pairs=40, shards=2, seed=5)
    made = make_pool(out=folder, node_modules=NODE_MODULES, spec=spec)
    (folder / "00001.tar").write_bytes(b"half of it")
    assert read_pool(folder) is None
    assert make_pool(out=folder, node_modules=NODE_MODULES, spec=spec) == made
    assert read_pool(folder) == made
    assert [path.name for path in tmp_path.iterdir()] == ["demo-pool"]


def test_shards_that_come_out_the_same_are_left_in_place(tmp_path: Path) -> None:
    folder = tmp_path / "demo-pool"
    spec = PoolSpec(pairs=40, shards=2, seed=5)
    made = make_pool(out=folder, node_modules=NODE_MODULES, spec=spec)
    by_an_older_maker = msgspec.structs.replace(made, maker="0" * 64)
    (folder / "pool.json").write_bytes(msgspec.json.encode(by_an_older_maker))
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.tar")}
    assert make_pool(out=folder, node_modules=NODE_MODULES, spec=spec) == made
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*.tar")} == before
    assert read_pool(folder) == made


def test_somebody_s_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="another folder"):
        make_pool(out=tmp_path, node_modules=NODE_MODULES, spec=SMALL)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
