"""What a cut's form leaves out first is what `dva select` is told."""

from __future__ import annotations

import pytest

from server.errors import SelectionError
from server.workbench import filters


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
    }
    assert filters.options(filters.read(form)) == [
        "--min-side=200",
        "--max-aspect=3",
        "--caption-chars=5..200",
        "--language=en",
        "--language=pt-BR",
        "--distinct",
        "--per=host",
    ]
    assert filters.read({"name": "best"}) == {}


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
        filters.read({name: text})
    assert refused.value.code == "filter_invalid"
