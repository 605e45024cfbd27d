"""What language a caption is in, as far as its script and its commonest words tell.

A guess that knows when it doesn't know: captions are short, and "red apple 5" has no word that only
English has. Tags are BCP 47's. Some scripts have one language that matters (Hangul, Thai); for
Latin, Cyrillic and Arabic, stop words decide; where they don't, the tag says the script alone
("und-Latn"), and "und" where not even one script prevails. Languages that aren't in the tables
are never named, and may be taken for a neighbour that shares their stop words (Galician for
Portuguese).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from dva_agent._classes import LETTERS
from dva_agent.cleaning import character_class

MIN_SHARE = 0.1
"""Of a caption's words: so many must be stop words of a language for it to be named."""

MIN_KANA = 0.05
"""Of the letters of a Chinese or Japanese caption: so many kana make it Japanese."""

_LETTERS = f"[{character_class(LETTERS)}]+"
_WORD = re.compile(f"{_LETTERS}(?:'{_LETTERS})?")
"""Cleaning has made every apostrophe this one."""

_BLOCKS = """
    0041-005A Latn  0061-007A Latn  00AA-024F Latn  0370-03FF Grek  0400-052F Cyrl  0530-058F Armn
    0590-05FF Hebr  0600-06FF Arab  0750-077F Arab  08A0-08FF Arab  0900-097F Deva  0980-09FF Beng
    0B80-0BFF Taml  0C00-0C7F Telu  0E00-0E7F Thai  10A0-10FF Geor  1100-11FF Hang  1E00-1EFF Latn
    1F00-1FFF Grek  3040-30FF Kana  3130-318F Hang  31F0-31FF Kana  3400-4DBF Hani  4E00-9FFF Hani
    AC00-D7AF Hang  F900-FAFF Hani  FB50-FDFF Arab  FE70-FEFC Arab  20000-3134F Hani
"""
"""Unicode blocks, with the one script that their letters have nearly all of the time."""

_BY_SCRIPT: Mapping[str, str] = MappingProxyType(
    {"Grek": "el", "Armn": "hy", "Hebr": "he", "Thai": "th", "Geor": "ka", "Hang": "ko"}
)

_STOP_WORDS: Mapping[str, Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        script: MappingProxyType({tag: frozenset(words.split()) for tag, words in tags.items()})
        for script, tags in {
            "Latn": {
                "de": "der die das den dem des und ist nicht ein eine einen einem einer mit von "
                "für auf im am zu zum zur sich auch als aus bei nach über vor oder wie wir ich sie "
                "sind wird werden durch in an es hat beim vom",
                "en": "the of and to a is for on with by at from this that are was were be it its "
                "you your an or as not in his her their our has have how what all new",
                "es": "el la los las un una unos unas de del y o que en por para con sin sobre es "
                "son no se su sus al lo como más este esta muy mi",
                "fr": "le la les un une des du de et ou que qui dans sur pour par avec sans est "
                "sont ne pas au aux en ce cette ces son sa ses il elle nous vous à plus d'un d'une",
                "it": "il lo la i gli le un uno una di del dello della dei degli delle e o che in "
                "nel nella per con senza su sul sulla è sono non si da dal dalla al alla come più",
                "nl": "de het een en of van in op te voor met zonder aan bij uit naar door is zijn "
                "niet dat die dit deze er ook als je ik wij om tot over",
                "pl": "i w na z do nie się to jest że dla od po przez oraz jak o przy ze za ten ta",
                "pt": "o a os as um uma de do da dos das e ou que em no na nos nas por para com "
                "sem sobre é são não se seu sua ao à como mais este esta muito",
                "sv": "och i att det en ett är på av för med som till den de inte om från har han "
                "hon vid under efter",
                "tr": "ve bir bu için ile de da ne çok en olan olarak gibi daha mi kadar sonra",
                "vi": "và của là có cho không trong với một các những được người này đã khi để ở",
                "id": "yang dan di dengan untuk dari ini itu pada adalah tidak ke dalam oleh akan",
            },
            "Cyrl": {
                "ru": "и в на с не для из по что это как от к за о у при до или его её со во а "
                "так же был была все",
                "uk": "і та в у на з не для із по що це як від до за про або його її зі й але при "
                "є був була всі",
                "bg": "и в на с не за от по че това как до при или със във са е се да към през",
            },
            "Arab": {
                "ar": "في من على إلى عن مع هذا هذه التي الذي كان و أن لا ما هو هي بعد بين",
                "fa": "در از به که این است و را با برای آن یک می تا های شده خود",
                "ur": "کے میں کی ہے سے کا اور کو پر نے یہ ہیں ایک کہ بھی",
            },
        }.items()
    }
)

_RANGES: tuple[tuple[int, int, str], ...] = tuple(
    sorted(
        (int(first, 16), int(last, 16), script)
        for first, last, script in re.findall(r"(\w+)-(\w+) (\w+)", _BLOCKS)
    )
)
_STARTS = tuple(first for first, _, _ in _RANGES)

_TAGS = """
    und zh ja el he hy ka ko th de en es fr id it nl pl pt sv tr vi bg ru uk ar fa ur
    und-Latn und-Cyrl und-Arab und-Beng und-Deva und-Taml und-Telu
"""
LANGUAGES = tuple(_TAGS.split())
"""Every tag that `language` gives. Results hold their numbers: only ever append."""


def language(letters: str, text: str) -> str:
    """One of LANGUAGES. `text`: a caption, cleaned and in lower case; `letters`: those of its
    characters that are letters."""
    scripts = Counter(_script(letter) for letter in letters)
    east = scripts["Hani"] + scripts["Kana"]
    if 2 * east > len(letters):
        return "ja" if scripts["Kana"] >= MIN_KANA * len(letters) else "zh"
    script, count = scripts.most_common(1)[0] if scripts else ("", 0)
    if not script or 2 * count <= len(letters):
        return "und"
    if script in _BY_SCRIPT:
        return _BY_SCRIPT[script]
    return _by_words(_STOP_WORDS.get(script, {}), text) or f"und-{script}"


def _script(letter: str) -> str:
    """Empty for the scripts that aren't listed."""
    point = ord(letter)
    index = bisect_right(_STARTS, point) - 1
    if index < 0 or point > _RANGES[index][1]:
        return ""
    return _RANGES[index][2]


def _by_words(tags: Mapping[str, frozenset[str]], text: str) -> str:
    """The language with the most stop words; empty if two have as many, or none has enough."""
    words = _WORD.findall(text)
    hits = {tag: sum(word in stop_words for word in words) for tag, stop_words in tags.items()}
    best = max(hits, key=lambda tag: hits[tag], default="")
    most = hits.get(best, 0)
    decides = list(hits.values()).count(most) == 1 and most >= MIN_SHARE * len(words)
    return best if decides else ""
