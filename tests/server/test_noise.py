"""The recorded differences between honest engines: whole, and as small as audits need them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from server.trust import noise
from server.trust.noise import LIST, Noise, recorded, recordings
from tests.noise.table import table

FOLDER = Path(noise.__file__).parent
TRUST = Path(__file__).parents[2] / "docs" / "trust.md"
FEWEST = 64
LARGEST_FOLDER = 200_000
NOISES = recorded()


def named(noise: Noise) -> str:
    return f"{noise.bundle}-{noise.engine}-{noise.rung}"


@pytest.mark.parametrize("noise", NOISES, ids=named)
def test_honest_engines_are_near_native(noise: Noise) -> None:
    assert noise.truth.shape == noise.differences.shape
    assert len(noise.truth) >= FEWEST
    assert np.isfinite(noise.truth).all()
    assert (np.abs(noise.truth) <= 1).all()
    assert (np.abs(noise.differences) <= noise.tolerance).all()  # a NaN is in no tolerance
    assert noise.differences.any(), "no other engine gives every digit of native's"


@pytest.mark.parametrize("noise", NOISES, ids=named)
def test_a_false_score_is_further_away(noise: Noise) -> None:
    """Were the scores to differ no more than engines do, any constant would pass an audit."""
    assert np.abs(noise.differences).max() < noise.truth.std() / 10
    one_for_all = np.abs(noise.truth - np.median(noise.truth))
    assert np.mean(one_for_all <= np.abs(noise.differences).max()) < 0.1


def test_every_arithmetic_is_there() -> None:
    assert {each.bundle for each in NOISES} == {"demo-q8", "ViT-B-32-q8"}
    rungs = {each.rung for each in NOISES if each.bundle == "demo-q8"}
    assert rungs >= {"native", "wasm", "webgpu-f32", "webgpu-f16-fused"}


def test_no_file_is_left_over() -> None:
    kept = {path.name for path in FOLDER.glob("*.f32")}
    assert kept == {each.file for each in recordings()}
    assert sum(path.stat().st_size for path in (*FOLDER.glob("*.f32"), FOLDER / LIST)) < (
        LARGEST_FOLDER
    )


def test_another_file_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (*FOLDER.glob("*.f32"), FOLDER / LIST):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(noise.resources, "files", lambda _: tmp_path)
    assert len(recorded()) == len(NOISES)
    changed = tmp_path / recordings()[0].file
    changed.write_bytes(changed.read_bytes()[:-4] + b"\0\0\0\0")
    with pytest.raises(ValueError, match="isn't what was recorded"):
        recorded()


def test_the_published_table_is_what_was_recorded() -> None:
    assert table(NOISES) in TRUST.read_text()
