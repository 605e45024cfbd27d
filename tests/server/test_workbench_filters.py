"""What a form leaves out before a cut is what `dva select` is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.errors import SelectionError
from server.selection.filters import Filters
from server.workbench import filters
from server.workbench.others import Choice

KNOWN = [Choice(value="list:mine", label="mine", path=Path("/lists/mine.npy"))]


def test_what_is_filled_in_becomes_an_option() -> None:
    form = {
        "name": "best",
        "min-side": " 200 ",
        "max-aspect": "3",
        "caption-chars": "5..200",
        "language": "en, pt-BR",
        "max-nsfw": "",
        "distinct": "yes",
        "per": "host",
        "deny": "list:mine",
    }
    found = filters.checked(filters.given(form))
    assert filters.options(found, KNOWN) == [
        "--deny=/lists/mine.npy",
        "--min-side=200",
        "--max-aspect=3",
        "--caption-chars=5..200",
        "--language=en",
        "--language=pt-BR",
        "--distinct",
        "--per=host",
    ]
    assert filters.made(found, KNOWN) == Filters(
        min_side=200,
        max_aspect=3,
        caption_chars=(5, 200),
        languages=("en", "pt-BR"),
        distinct=True,
        deny=Path("/lists/mine.npy"),
    )
    assert filters.per(found) == "host"
    assert filters.given({"name": "best"}) == {}


def test_a_list_that_is_gone_is_told() -> None:
    for ask in (filters.options, filters.made):
        with pytest.raises(SelectionError) as refused:
            ask({"allow": "list:other"}, KNOWN)
        assert refused.value.code == "list_unknown"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("min-side", "0"),
        ("min-side", "-5"),
        ("min-side", "1e9"),
        ("max-aspect", "0.5"),
        ("max-aspect", "nan"),
        ("caption-chars", "9..3"),
        ("caption-chars", ".."),
        ("caption-chars", "5"),
        ("language", "en; rm"),
        ("max-nsfw", "2"),
        ("max-faces", "x"),
        ("per", "uid"),
    ],
)
def test_what_dva_select_would_refuse_is_refused_before(name: str, text: str) -> None:
    with pytest.raises(SelectionError) as refused:
        filters.checked({name: text})
    assert refused.value.code == "filter_invalid"
