"""CLIP's byte pair encoding, with the ids that open_clip's SimpleTokenizer gives.

The vocabulary follows from the merges: 256 bytes, the same 256 at a word's end, one entry for each
merge, start and end of text. A bundle may carry fewer merges than CLIP's 48,894; the end of text
is always the highest id. Source: github.com/openai/CLIP, `simple_tokenizer.py`; Sennrich et al.,
arXiv 1508.07909.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from dva_agent._classes import LETTERS, NUMBERS, OTHERS, VARIANTS
from dva_agent.bundle import TokenizerSpec
from dva_agent.cleaning import character_class, clean
from dva_agent.errors import BundleError

_SPECIAL = ("<start_of_text>", "<end_of_text>")
_CONTRACTIONS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")
_WORD_CACHE = 32_768
_CACHED_BYTES = 48
"""Longer words are rare and seldom come back: not worth the memory."""


def _any_case(literal: str) -> str:
    return "".join(f"[{VARIANTS[c]}]" if c in VARIANTS else re.escape(c) for c in literal)


_WORDS = re.compile(
    "|".join(
        (
            *map(_any_case, (*_SPECIAL, *_CONTRACTIONS)),
            f"[{character_class(LETTERS)}]+",
            f"[{character_class(NUMBERS)}]",
            f"[{character_class(OTHERS)}]+",
        )
    )
)


def _byte_alphabet() -> dict[int, str]:
    """CLIP's printable stand-in of each byte, in the order of the vocabulary."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {
        byte: chr(256 + index) for index, byte in enumerate(rest)
    }


class Tokenizer:
    """Captions to token ids. Raises BundleError if the merges aren't the specified number or
    aren't merges of known parts."""

    def __init__(self, *, merges: str, spec: TokenizerSpec) -> None:
        """`merges`: the text of merges.txt, one merge a line, two parts with a space between."""
        pairs = [tuple(line.split(" ")) for line in merges.split("\n") if line]
        if len(pairs) != spec.merges or spec.vocab_size != 514 + spec.merges:
            raise BundleError(
                f"{len(pairs)} merges and a vocabulary of {spec.vocab_size}; "
                f"the manifest says {spec.merges} merges."
            )
        alphabet = _byte_alphabet()
        vocabulary = list(alphabet.values())
        vocabulary += [part + "</w>" for part in vocabulary]
        vocabulary += ["".join(pair) for pair in pairs]
        # Where two merges spell the same token the later id counts, as in a dict made by zip.
        ids = {token: index for index, token in enumerate(vocabulary)}
        self._merges: dict[tuple[int, int], tuple[int, int]] = {}
        for rank, pair in enumerate(pairs):
            if len(pair) != 2 or pair[0] not in ids or pair[1] not in ids:
                raise BundleError(f"merges.txt, line {rank + 1}: not a merge of known tokens.")
            self._merges[ids[pair[0]], ids[pair[1]]] = (rank, ids["".join(pair)])
        self._bytes = [ids[alphabet[byte]] for byte in range(256)]
        self._last_bytes = [ids[alphabet[byte] + "</w>"] for byte in range(256)]
        self._special = {_SPECIAL[0]: len(vocabulary), _SPECIAL[1]: len(vocabulary) + 1}
        self._cached = lru_cache(maxsize=_WORD_CACHE)(self._encode_word)
        self.context_length = spec.context_length

    @property
    def start(self) -> int:
        """The start-of-text id."""
        return self._special[_SPECIAL[0]]

    @property
    def end(self) -> int:
        """The end-of-text id, the highest of all."""
        return self._special[_SPECIAL[1]]

    def __call__(self, caption: str) -> list[int]:
        """`context_length` ids: start, the caption's, end, zeros. A caption too long for that is
        cut, and still ends with the end of text."""
        return self.padded(self.encode_clean(clean(caption)))

    def encode_clean(self, text: str) -> list[int]:
        """Ids of a cleaned caption, from start to end of text, at most `context_length`."""
        room = self.context_length - 1
        ids = [self.start]
        for word in _words(text):
            ids += self._ids(word)
            if len(ids) >= room:
                break
        return [*ids[:room], self.end]

    def padded(self, ids: Sequence[int]) -> list[int]:
        """Filled with zeros up to `context_length`."""
        return [*ids, *([0] * (self.context_length - len(ids)))]

    def _ids(self, word: str) -> tuple[int, ...]:
        if word in self._special:
            return (self._special[word],)
        encoded = word.encode("utf-8")
        encode = self._cached if len(encoded) <= _CACHED_BYTES else self._encode_word
        return encode(encoded)

    def _encode_word(self, word: bytes) -> tuple[int, ...]:
        """The pair of lowest rank is merged wherever it stands, from left to right, until no pair
        is left that merges. O(n log n): captions are hostile, and one word may be all of them."""
        tokens = [self._bytes[byte] for byte in word]
        tokens[-1] = self._last_bytes[word[-1]]
        following = [*range(1, len(tokens)), -1]
        before = list(range(-1, len(tokens) - 1))
        heap = [
            (self._merges[pair][0], index, *pair)
            for index, pair in enumerate(pairwise(tokens))
            if pair in self._merges
        ]
        heapq.heapify(heap)
        while heap:
            rank = heap[0][0]
            new = []
            while heap and heap[0][0] == rank:
                _, left, first, second = heapq.heappop(heap)
                right = following[left]
                if tokens[left] != first or right < 0 or tokens[right] != second:
                    continue  # an earlier merge took one of the two
                tokens[left] = self._merges[first, second][1]
                tokens[right] = -1
                following[left] = following[right]
                if following[left] >= 0:
                    before[following[left]] = left
                    new.append(left)
                if before[left] >= 0:
                    new.append(before[left])
            for left in new:
                pair = (tokens[left], tokens[following[left]])
                if tokens[left] >= 0 and pair in self._merges:
                    heapq.heappush(heap, (self._merges[pair][0], left, *pair))
        return tuple(token for token in tokens if token >= 0)


def _words(text: str) -> Iterator[str]:
    return (match[0] for match in _WORDS.finditer(text))
