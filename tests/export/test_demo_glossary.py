"""The glossary: how it is taken from WordNet's files, and what is drawn from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from export.demo.concepts import Concept, load_concepts
from export.demo.glossary import Entry, explained, load_glossary, meaning
from export.demo.glossary_maker import OFFENSIVE, entries, shortened, terms

NODE_MODULES = Path(__file__).resolve().parents[2] / "node_modules"
BLACK_BEAR = Concept(
    label="black bear",
    name="black bear",
    tags=("dances",),
    group=3,
    subgroup=0,
    hexcode="1F43B",
    seen=True,
)
WORDNET = {
    "index.noun": """\
  1 This software and database is being provided to you
bear n 2 2 @ ~ 2 0 00000100 00000300
dance n 1 1 @ 1 0 00000400
""",
    "data.noun": """\
  1 This software and database is being provided to you
00000100 05 n 01 bear 0 001 @ 00000200 n 0000 | massive mammals (of the family Ursidae); "a bear"
00000200 05 n 02 carnivore 0 meat_eater 0 001 ~ 00000100 n 0000 | a flesh-eating mammal
00000300 09 n 01 bear 0 000 | an investor with a pessimistic outlook
00000400 04 n 01 dance 0 000 | moving to music
""",
    "index.adj": "black a 1 1 & 1 0 00000500\n",
    "data.adj": "00000500 00 a 02 black(a) 0 dark 0 000 | having little hue; they got black\n",
}


def test_words_that_can_be_drawn_get_their_gloss(tmp_path: Path) -> None:
    for name, text in WORDNET.items():
        (tmp_path / name).write_text(text)
    assert entries(tmp_path, [BLACK_BEAR]) == [
        Entry(term="black", gloss="having little hue", others=("dark",), kinds=()),
        Entry(term="bear", gloss="massive mammals", others=(), kinds=("carnivore",)),
    ]


def test_terms_are_runs_of_words_and_singulars() -> None:
    assert terms([BLACK_BEAR]) == ["black", "bear", "black bear", "dances", "dance"]


def test_a_gloss_ends_before_its_examples() -> None:
    assert shortened('rice (with raw fish) wrapped; usually "cold"; ') == "rice wrapped"


def test_the_glossary_is_of_emoji_s_words_and_insults_nobody() -> None:
    glossary = load_glossary()
    known = set(terms(load_concepts(NODE_MODULES)))
    assert {entry.term for entry in glossary} <= known
    assert {"volcano", "sushi", "whale"} <= {entry.term for entry in glossary}
    assert not [entry for entry in glossary if OFFENSIVE.search(entry.gloss)]


def test_terms_of_a_batch_are_distinct_and_explained() -> None:
    glossary = load_glossary()
    words, meanings = explained(np.random.default_rng(1), glossary, 64)
    assert len(set(words)) == len(meanings) == 64
    assert explained(np.random.default_rng(1), [], 64) == ([], [])


def test_a_meaning_never_has_the_word_alone() -> None:
    plain = Entry(term="dotted", gloss="having a pattern of dots", others=(), kinds=())
    whale = Entry(term="orca", gloss="a black whale", others=("grampus",), kinds=("dolphin",))
    drawn = {meaning(np.random.default_rng(seed), whale) for seed in range(40)}
    assert drawn == {"a black whale", "grampus, dolphin", "grampus, dolphin: a black whale"}
    assert meaning(np.random.default_rng(1), plain) == plain.gloss
