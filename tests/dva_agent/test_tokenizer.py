from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from dva_agent.bundle import TokenizerSpec
from dva_agent.errors import BundleError
from dva_agent.tokenizer import Tokenizer
from hypothesis import given, settings

from tests.dva_agent.texts import captions
from tests.dva_agent.tokenizers import ours, reference_ids

CORPUS = json.loads(Path(__file__).with_name("captions.json").read_text())


def test_corpus_is_large_enough() -> None:
    counts = Counter(entry["kind"] for entry in CORPUS["captions"])
    assert counts["ordinary"] >= 2000
    assert counts["odd"] >= 100


@pytest.mark.parametrize("name", ["clip", "demo"])
def test_ids_of_the_corpus_are_open_clips(name: str) -> None:
    shape = CORPUS["tokenizers"][name]
    tokenizer = ours(shape["merges"], shape["context_length"])
    wrong = [
        entry["text"]
        for entry in CORPUS["captions"]
        if tokenizer(entry["text"]) != tokenizer.padded(entry[name])
    ]
    assert wrong == []


@settings(max_examples=400, deadline=None)
@given(captions)
def test_any_text_gets_open_clips_ids(caption: str) -> None:
    assert ours()(caption) == reference_ids(caption)


def test_a_long_caption_is_cut_and_still_ends() -> None:
    ids = ours()("word " * 200)
    assert len(ids) == 77
    assert ids[0] == 49406
    assert ids[-1] == 49407
    assert ids.count(49407) == 1


def test_special_tokens_are_read_from_text() -> None:
    tokenizer = ours()
    ids = tokenizer.encode_clean("<start_of_text> a <end_of_text>")
    assert ids == [tokenizer.start, tokenizer.start, 320, tokenizer.end, tokenizer.end]


def test_one_word_as_long_as_a_caption_may_be() -> None:
    """Quadratic pair encoding would take minutes here."""
    assert len(ours().encode_clean("abcdefghij" * 800)) == 77


@pytest.mark.parametrize(
    ("merges", "change"),
    [
        ("a b\n", {"merges": 2, "vocab_size": 516}),
        ("a b\nab c\n", {"merges": 2, "vocab_size": 600}),
        ("a b\nqq c\n", {"merges": 2, "vocab_size": 516}),
        ("a b c\nab c\n", {"merges": 2, "vocab_size": 516}),
        ("a b\nab\n", {"merges": 2, "vocab_size": 516}),
    ],
    ids=["too few", "vocabulary", "unknown part", "three parts", "one part"],
)
def test_merges_that_are_not_the_manifests(merges: str, change: dict[str, Any]) -> None:
    spec = TokenizerSpec(kind="clip-bpe", merges_path="m", context_length=8, **change)
    with pytest.raises(BundleError):
        Tokenizer(merges=merges, spec=spec)


def test_a_vocabulary_without_merges_is_bytes() -> None:
    spec = TokenizerSpec(
        kind="clip-bpe", merges_path="m", merges=0, context_length=8, vocab_size=514
    )
    tokenizer = Tokenizer(merges="", spec=spec)
    assert tokenizer("ab") == [512, 64, 256 + 65, 513, 0, 0, 0, 0]
