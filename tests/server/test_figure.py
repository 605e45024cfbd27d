"""The picture of a grade: the same scores make the same file, and nothing else makes one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from server.errors import PoolError
from server.selection.figure import FORMATS, draw
from server.selection.grade import Graded


def graded(right: int, wrong: int) -> Graded:
    rng = np.random.default_rng(3)
    scores = np.concatenate([rng.normal(0.4, 0.1, right), rng.normal(0.1, 0.1, wrong)])
    return Graded(
        pool="small",
        bundle="0" * 32,
        kinds=np.array(["true"] * right + ["near_miss"] * wrong, dtype=np.str_),
        scores=scores,
        pairs_scored=right + wrong,
        pairs_total=right + wrong,
    )


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_same_scores_make_the_same_file(tmp_path: Path, suffix: str) -> None:
    first, again = tmp_path / f"first{suffix}", tmp_path / f"again{suffix}"
    draw(graded(30, 70), first)
    draw(graded(30, 70), again)
    assert first.read_bytes() == again.read_bytes()


def test_it_says_what_was_measured(tmp_path: Path) -> None:
    file = tmp_path / "grade.png"
    draw(graded(30, 70), file)
    with Image.open(file) as picture:
        assert picture.size == (1650, 630)
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 20) or []}
    assert (31, 157, 107) in colours
    assert (209, 73, 91) in colours


@pytest.mark.parametrize(("right", "wrong"), [(1, 0), (0, 1), (5, 0), (1, 1)])
def test_few_pairs_are_drawn_too(tmp_path: Path, right: int, wrong: int) -> None:
    draw(graded(right, wrong), tmp_path / "few.svg")
    assert (tmp_path / "few.svg").read_text().startswith("<?xml")


def test_no_picture_without_scores(tmp_path: Path) -> None:
    with pytest.raises(PoolError) as caught:
        draw(graded(0, 0), tmp_path / "none.svg")
    assert caught.value.code == "nothing_scored"
    assert list(tmp_path.iterdir()) == []


def test_no_picture_of_another_format(tmp_path: Path) -> None:
    with pytest.raises(PoolError) as caught:
        draw(graded(3, 7), tmp_path / "grade.bmp")
    assert caught.value.code == "figure_format"
    assert list(tmp_path.iterdir()) == []
