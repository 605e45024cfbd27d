"""What a model's page says of its licence, and what is said where it says nothing."""

from __future__ import annotations

import pytest

from export.checkpoints import KNOWN, SEE_PAGE, by_hub
from export.licence import hub_licence

PAGE = "https://huggingface.co/someone/clip"


@pytest.mark.parametrize(
    ("card", "name", "url"),
    [
        ("", SEE_PAGE, PAGE),
        ("license: mit\n", SEE_PAGE, PAGE),
        ("---\nlicense: mit\n---\n", "mit", PAGE),
        ("---\r\ntags:\r\n- a\r\nlicense: mit\r\n---\r\n", "mit", PAGE),
        ("---\nlicense: other\n---\n", SEE_PAGE, PAGE),
        (
            "---\nlicense: other\nlicense_name: 'own-terms'\nlicense_link: TERMS\n---\n",
            "own-terms",
            f"{PAGE}/blob/main/TERMS",
        ),
        (
            "---\nlicense: other\nlicense_name: own\nlicense_link: https://a.example/b\n---\n",
            "own",
            "https://a.example/b",
        ),
        ("---\ntitle: a\n---\nlicense: mit\n", SEE_PAGE, PAGE),
    ],
)
def test_the_first_lines_of_a_page_name_the_licence(card: str, name: str, url: str) -> None:
    licence = hub_licence("someone/clip", None, card=card)
    assert (licence.name, licence.url) == (name, url)
    assert name in licence.text
    assert url in licence.text


def test_what_is_known_here_stands_in_for_a_page_that_is_silent() -> None:
    known = KNOWN[1]
    assert by_hub(known.hub) is known
    licence = hub_licence(known.hub, known, text="Do this.\nNot that.\n")
    assert licence.name == known.licence
    assert licence.url == known.licence_url
    assert licence.text.endswith("Do this.\nNot that.\n")
    said = hub_licence(known.hub, known, card="---\nlicense: apache-2.0\n---\n")
    assert said.name == "apache-2.0"
