"""A bundle folder: whole or absent, the same for the same input, true to open_clip."""

from __future__ import annotations

import hashlib
import io
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from dva_agent.bundle import (
    FORMAT_CODE,
    MANIFEST,
    GoldenSet,
    Manifest,
    bundle_id,
    decode_golden,
    decode_manifest,
)
from dva_agent.errors import BundleError
from PIL import Image

from export.bundle_writer import write_bundle
from export.errors import BundleRefused
from export.expected import Towers
from export.golden import draw, golden_pairs
from export.golden.captions import CAPTIONS
from export.loading import load
from export.openclip import open_clip
from export.tolerances import (
    HALF_LARGEST,
    HALF_MARGIN,
    HALF_SMALLEST,
    LARGEST,
    SMALLEST,
    Spread,
    half_tolerance,
    tolerance,
)
from export.verify import verify
from export.weights import Kind
from tests.export.conftest import Made

ROOT = Path(__file__).parents[2]
BUILD = (sys.executable, "export/build_onnx.py")


def read(folder: Path) -> tuple[Manifest, GoldenSet]:
    manifest = decode_manifest((folder / MANIFEST).read_bytes())
    return manifest, decode_golden((folder / manifest.golden_path).read_bytes(), manifest)


def test_the_manifest_describes_every_file(made: Made) -> None:
    manifest, golden = read(made.folder)
    assert manifest == made.written.manifest
    assert manifest.bundle == bundle_id(manifest)
    assert manifest.weights == made.kind
    assert manifest.model == made.network
    assert len(golden.pairs) >= 32
    listed = {entry.path: entry for entry in manifest.files}
    present = {p.relative_to(made.folder).as_posix() for p in made.folder.rglob("*") if p.is_file()}
    assert set(listed) == present - {MANIFEST}
    for path, entry in listed.items():
        body = (made.folder / path).read_bytes()
        assert (len(body), hashlib.sha256(body).hexdigest()) == (entry.bytes, entry.sha256)


def test_ids_are_open_clips_own(made: Made, checkpoint: Callable[[str], Path]) -> None:
    """All merges would give other ids than the bundle's 600; the first 600 give these."""
    _, golden = read(made.folder)
    tokenizer = open_clip.SimpleTokenizer(context_length=made.loaded.context_length)
    kept = 512 + len(made.loaded.merges)
    tokenizer.bpe_ranks = {pair: rank for pair, rank in tokenizer.bpe_ranks.items() if rank < 600}
    tokenizer.cache = {special: special for special in ("<start_of_text>", "<end_of_text>")}
    rows = tokenizer([pair.caption for pair in golden.pairs]).tolist()
    full = {49406: kept, 49407: kept + 1}
    assert [pair.ids for pair in golden.pairs] == [[full.get(i, i) for i in row] for row in rows]


def test_pixels_are_pillows_own(made: Made) -> None:
    _, golden = read(made.folder)
    size = made.loaded.preprocessing.size
    for pair in golden.pairs:
        with Image.open(made.folder / pair.image) as opened:
            image = opened.convert("RGB")
        width, height = image.size
        if made.loaded.preprocessing.resize == "squash":
            image = image.resize((size, size), Image.Resampling.BICUBIC)
        else:
            scaled = (
                (size, int(size * height / width))
                if width <= height
                else (int(size * width / height), size)
            )
            image = image.resize(scaled, Image.Resampling.BICUBIC)
            left, top = round((scaled[0] - size) / 2), round((scaled[1] - size) / 2)
            image = image.crop((left, top, left + size, top + size))
        planes = np.asarray(image, np.uint8).transpose(2, 0, 1)
        assert hashlib.sha256(planes.tobytes()).hexdigest() == pair.pixels_sha256, pair.image


def test_golden_numbers_are_the_bundles(made: Made) -> None:
    manifest, golden = read(made.folder)
    for pair in golden.pairs:
        expected = pair.expected["f32"]
        image, text = (
            np.frombuffer(vector, "<f4")
            for vector in (expected.image_embedding, expected.text_embedding)
        )
        assert np.linalg.norm(image) == pytest.approx(1, abs=1e-5)
        assert float(image.astype(float) @ text.astype(float)) == pytest.approx(
            expected.score, abs=1e-7
        )
    ids = np.array([pair.ids for pair in golden.pairs], np.int32)
    texts = Towers(made.folder, optimised=True).texts(ids)
    golden_texts = np.stack(
        [np.frombuffer(pair.expected["f32"].text_embedding, "<f4") for pair in golden.pairs]
    )
    assert np.abs(texts - golden_texts).max() <= manifest.rung("native").tolerance.embedding
    assert verify(made.loaded, made.folder) == made.written.comparison


def test_the_same_input_gives_the_same_bundle(
    made: Made, checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    loaded = load(f"local-dir:{checkpoint(made.network)}", accept_licence=True)
    again = write_bundle(loaded, kind=made.kind, out=tmp_path / "again")
    assert again.fresh
    assert again.manifest == made.written.manifest
    assert not write_bundle(loaded, kind=made.kind, out=tmp_path / "again").fresh


def test_what_is_there_is_kept_unless_told(
    make_bundle: Callable[[str, Kind], Made], tmp_path: Path
) -> None:
    old, new = make_bundle("vit", "fp32"), make_bundle("vit", "q8")
    place = tmp_path / "bundle"
    shutil.copytree(old.folder, place)
    with pytest.raises(BundleRefused, match="isn't this bundle"):
        write_bundle(new.loaded, kind="q8", out=place)
    assert read(place)[0] == old.written.manifest
    assert write_bundle(new.loaded, kind="q8", out=place, replace=True).fresh
    assert read(place)[0] == new.written.manifest
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]

    (place / "text.onnx").write_bytes(b"damaged")
    assert write_bundle(new.loaded, kind="q8", out=place, replace=True).fresh
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    with pytest.raises(BundleRefused, match="isn't a bundle"):
        write_bundle(new.loaded, kind="q8", out=precious, replace=True)
    assert (precious / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("step", ["writing the graphs", "measuring"])
def test_a_killed_export_leaves_no_bundle(
    step: str, checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    out = tmp_path / "bundle"
    command = [
        *BUILD,
        "--model",
        f"local-dir:{checkpoint('vit')}",
        "--accept-license",
        "--unmeasured",
    ]
    command += ["--out", str(out)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as build:
        assert build.stderr is not None
        for line in build.stderr:
            if step in line:
                build.send_signal(signal.SIGKILL)
                break
    assert not out.exists()


def test_tensors_lie_in_files_of_a_size_that_hosts_take(
    make_bundle: Callable[[str, Kind], Made], tmp_path: Path
) -> None:
    """The limit is lowered here. One tensor alone may be larger."""
    made = make_bundle("vit", "fp32")
    small = write_bundle(made.loaded, kind="fp32", out=tmp_path / "small", largest_file=100_000)
    tower = small.manifest.rung("native").image
    assert tower.data_paths == tuple(f"image.{number}.bin" for number in range(10))
    sizes = {path: small.manifest.file(path).bytes for path in tower.data_paths}
    alone = 4 * 3 * 16 * 16 * 64
    assert max(sizes.values()) == alone > 100_000
    assert sorted(sizes.values())[-2] <= 100_000
    assert small.manifest.file("image.onnx").bytes < 50_000
    assert small.comparison == made.written.comparison
    assert verify(made.loaded, tmp_path / "small") == made.written.comparison


def test_another_format_is_named(made: Made) -> None:
    body = (made.folder / MANIFEST).read_bytes().replace(b'"format": 2', b'"format": 1')
    with pytest.raises(BundleError, match="format 1; this version reads format 2") as refused:
        decode_manifest(body)
    assert refused.value.code == FORMAT_CODE


def test_a_manifest_without_the_reference_rung(made: Made) -> None:
    manifest = made.written.manifest
    rungs = {rung: spec for rung, spec in manifest.rungs.items() if rung != "native"}
    lame = msgspec.structs.replace(manifest, rungs=rungs)
    with pytest.raises(BundleError, match="no rung native"):
        decode_manifest(msgspec.json.encode(lame))


def test_an_id_that_is_not_its_own_is_noticed(
    make_bundle: Callable[[str, Kind], Made],
) -> None:
    manifest = make_bundle("vit", "q8").written.manifest
    entry = manifest.file("text.onnx")
    other = msgspec.structs.replace(entry, sha256="0" * 64)
    files = [other if each is entry else each for each in manifest.files]
    forged = msgspec.json.encode(msgspec.structs.replace(manifest, files=files))
    with pytest.raises(BundleError, match="its content is"):
        decode_manifest(forged)


def test_tolerances_come_from_what_was_measured() -> None:
    assert tolerance(Spread(embedding=0, score=1e-7)).score == SMALLEST
    assert tolerance(Spread(embedding=5e-6, score=0)).embedding == pytest.approx(3.2e-4)
    with pytest.raises(BundleRefused, match="too much"):
        tolerance(Spread(embedding=0, score=LARGEST))
    with pytest.raises(BundleRefused, match="too much"):
        tolerance(Spread(embedding=float("nan"), score=0))
    half = half_tolerance(Spread(embedding=HALF_LARGEST, score=1e-5))
    assert half
    assert (half.embedding, half.score) == (HALF_MARGIN * HALF_LARGEST, HALF_SMALLEST)
    assert half_tolerance(Spread(embedding=1.1 * HALF_LARGEST, score=0)) is None
    assert half_tolerance(Spread(embedding=0, score=float("inf"))) is None


def test_the_golden_pictures_are_those_drawn() -> None:
    committed = [(each.pair, each.body) for each in golden_pairs()]
    assert draw.draw(ROOT / draw.ICONS) == committed
    assert tuple(pair.caption for pair, _ in committed) == CAPTIONS
    assert sum(len(body) for _, body in committed) < 500_000


def test_the_golden_pictures_are_of_many_kinds() -> None:
    kinds, sizes = set(), set()
    for each in golden_pairs():
        with Image.open(io.BytesIO(each.body)) as image:
            progressive = bool(image.info.get("progressive"))
            kinds.add((image.format, image.mode, progressive))
            sizes.add(image.size)
    assert kinds == {
        ("JPEG", "RGB", False),
        ("JPEG", "RGB", True),
        ("JPEG", "L", False),
        ("PNG", "RGB", False),
        ("PNG", "L", False),
        ("WEBP", "RGB", False),
    }
    assert (1, 1) in sizes
    assert max(width / height for width, height in sizes) > 20
    assert max(height / width for width, height in sizes) > 20
