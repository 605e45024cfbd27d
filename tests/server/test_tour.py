"""The tour's page: the right pairs with their own pictures, and nothing from outside as markup."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np

from server.config import Settings
from server.db import Database
from server.selection.figure import draw
from server.selection.grade import Graded, report
from server.tour.ends import ShownPair, ends
from server.tour.page import write_page
from tests.server.api import Api
from tests.server.pool_factory import picture, uid

PAIRS = 16


def graded() -> Graded:
    return Graded(
        pool="test",
        bundle="0" * 32,
        kinds=np.array(["true", "shuffled"], dtype=np.str_),
        scores=np.array([0.5, 0.1]),
        pairs_scored=2,
        pairs_total=2,
    )


def shown(caption: str, image: bytes) -> ShownPair:
    return ShownPair(uid=uid(0), score=-0.25, caption=caption, image=image)


def page_of(folder: Path, pair: ShownPair) -> str:
    draw(graded(), folder / "grade.svg")
    write_page(
        file=folder / "tour.html",
        title="A <demo>",
        report=report(graded()),
        figure=(folder / "grade.svg").read_text(),
        best=[pair],
        worst=[],
    )
    return (folder / "tour.html").read_text()


def test_the_ends_are_the_highest_and_the_lowest_with_their_own_pictures(
    api: Api, pool: str, database: Database, settings: Settings
) -> None:
    assert ends(database, settings, pool=pool, count=3) == ([], [])
    while leases := api.lease(count=4).leases:
        for lease in leases:
            api.finish(lease)
    order = sorted(range(PAIRS), key=lambda number: int(uid(number)[:4], 16))
    best, worst = ends(database, settings, pool=pool, count=3)
    assert [pair.uid for pair in worst] == [uid(number) for number in order[:3]]
    assert [pair.uid for pair in best] == [uid(number) for number in order[:-4:-1]]
    for pair, number in zip([*worst, *best], [*order[:3], *order[:-4:-1]], strict=True):
        assert (pair.caption, pair.image) == (f"picture {number}", picture(number))
        assert pair.score == int(uid(number)[:4], 16) / 65536
    best, worst = ends(database, settings, pool=pool, count=100)
    assert len(best) == len(worst) == PAIRS


def test_the_page_shows_pairs_and_figures(tmp_path: Path) -> None:
    page = page_of(tmp_path, shown("a cat", picture(1)))
    assert base64.b64encode(picture(1)).decode() in page
    assert "a cat" in page
    assert "-0.250" in page
    assert "100.0%" in page
    assert page.count("<svg") == 1
    assert "<?xml" not in page


def test_a_caption_is_no_markup_and_an_unknown_picture_is_left_out(tmp_path: Path) -> None:
    page = page_of(tmp_path, shown("<script>alert(1)</script>", b"<svg onload=alert(1)>"))
    assert "<script" not in page
    assert "onload" not in page
    assert "<img" not in page
    assert "A &lt;demo&gt;" in page
