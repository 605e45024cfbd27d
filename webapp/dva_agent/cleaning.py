"""A caption as CLIP's text tower was trained to see it: open_clip's `clean="lower"`, exactly.

That is ftfy's repair of mojibake, entities, quotes and widths, two HTML unescapings, white space
collapsed, lower case. Three of those steps ask Python's own Unicode tables, which differ between
versions: 14 in CPython 3.11, 16 in the tab's 3.14. Scores of one pool must not, so the version is
pinned here: characters that Unicode 14 doesn't know are hidden behind private-use stand-ins (inert
in every version) while those steps run. What Unicode 14 knows behaves the same in 15 and 16, but
for one character (U+1171E), found by comparing CPython 3.11 with Pyodide 314 on all code points.

The reference is open_clip on CPython 3.11.
"""

from __future__ import annotations

import html
import re
import unicodedata

import ftfy
from ftfy import fixes

from dva_agent._classes import UNASSIGNED

_PLAIN = re.compile(r"[\x20-\x25\x27-\x7e\t\n]*")
"""ASCII without control characters and ampersands: nothing for ftfy or html to do."""

_FIXES = (
    fixes.fix_c1_controls,
    fixes.fix_latin_ligatures,
    fixes.fix_character_width,
    fixes.uncurl_quotes,
    fixes.fix_line_breaks,
    fixes.fix_surrogates,
    fixes.remove_terminal_escapes,
    fixes.remove_control_chars,
)
"""ftfy.fix_text's steps between the repair of the encoding and NFC, in its order."""

_STAND_INS = range(0x100000, 0x10FFFE)
_AHOM = "\U0001171e"
"""Ignored by the final sigma's rule in Unicode 14, no longer in 16."""
_IGNORED, _MARK = "\U000e01ef", "\U000e01ee"
"""Variation selectors: ignored by that rule in every version."""


def character_class(ranges: str) -> str:
    """The inside of a `[...]` of `re`, from the hexadecimal ranges of _classes.py."""
    parts = []
    for word in ranges.split():
        first, _, last = word.partition("-")
        parts.append(rf"\U{first:0>8}" + (rf"-\U{last:0>8}" if last else ""))
    return "".join(parts)


_NEWER = re.compile(f"[{character_class(UNASSIGNED)}]")


class _Hidden:
    """The stand-ins of one caption. A caption has far fewer characters than there are stand-ins
    (cleaning a text of 65,534 different newer ones raises StopIteration)."""

    def __init__(self, text: str) -> None:
        self._shown: dict[str, str] = {}
        self._hidden: dict[str, str] = {}
        taken = set(text)
        self._free = (chr(point) for point in _STAND_INS if chr(point) not in taken)

    def hide(self, text: str) -> str:
        """`text` with every newer character replaced by its stand-in."""
        return text if text.isascii() else _NEWER.sub(self._stand_in, text)

    def show(self, text: str) -> str:
        """Back from `hide`."""
        return text.translate({ord(k): v for k, v in self._shown.items()}) if self._shown else text

    def _stand_in(self, match: re.Match[str]) -> str:
        character = match[0]
        if character not in self._hidden:
            stand_in = next(self._free)
            self._hidden[character] = stand_in
            self._shown[stand_in] = character
        return self._hidden[character]


def clean(caption: str) -> str:
    """The caption cleaned: never longer lines than one, no leading or trailing space. Empty if
    nothing is left. Any string goes in, lone surrogates too."""
    if _PLAIN.fullmatch(caption):
        return " ".join(caption.split()).lower()
    hidden = _Hidden(caption)
    text = html.unescape(html.unescape(_fix_text(caption, hidden)))
    return hidden.show(_lower(" ".join(hidden.hide(text).split())))


def _fix_text(text: str, hidden: _Hidden) -> str:
    """ftfy.fix_text with its defaults, on Unicode 14."""
    out = []
    unescape = True
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        # One tag turns entities off for all lines after it, too: ftfy keeps its changed setting.
        unescape = unescape and "<" not in line
        out.append(_fix_line(line, unescape, hidden))
    return "".join(out)


def _fix_line(line: str, unescape: bool, hidden: _Hidden) -> str:
    while True:
        before = line
        if unescape:
            line = hidden.hide(fixes.unescape_html(line))
        line = ftfy.fix_encoding(hidden.hide(line))
        for fix in _FIXES:
            line = fix(line)
        line = unicodedata.normalize("NFC", hidden.hide(line))
        if line == before:
            return line


def _lower(text: str) -> str:
    if _AHOM not in text:
        return text.lower()
    escaped = text.replace(_IGNORED, _IGNORED * 2).replace(_AHOM, _IGNORED + _MARK)
    return re.sub(
        f"{_IGNORED}([{_IGNORED}{_MARK}])",
        lambda match: _AHOM if match[1] == _MARK else _IGNORED,
        escaped.lower(),
    )
