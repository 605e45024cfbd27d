r"""Writes webapp/dva_agent/_classes.py: character classes measured from the `regex` package.

CLIP's tokenizer splits text with `regex` (\p{L}, \p{N}, IGNORECASE); that package has no wheel
for the tab, and the standard `re` knows no \p. So every code point is tried once, here, and the
answer is baked. Ignoring case has surprises that the Unicode tables don't show: U+0345, which
folds to a letter, is matched by no class, negated or not, and the long s matches an `s`.

Run with the project's pinned environment (CPython 3.11, whose Unicode is 14):

    .venv/bin/python webapp/make_classes.py
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

import regex  # type: ignore[import-untyped]

OUT = Path(__file__).parent / "dva_agent" / "_classes.py"
UNICODE = "14.0.0"
LETTERS_IN_LITERALS = "adeflmnorstvx"
"""Of the contractions ('s 't 're 've 'm 'll 'd) and of <start_of_text>, <end_of_text>."""


def ranges(points: Iterable[int]) -> list[tuple[int, int]]:
    """Ascending code points as closed ranges."""
    out: list[tuple[int, int]] = []
    for point in points:
        if out and out[-1][1] == point - 1:
            out[-1] = (out[-1][0], point)
        else:
            out.append((point, point))
    return out


def matching(pattern: str) -> list[int]:
    """Code points that `pattern` matches as `regex` does with IGNORECASE."""
    fullmatch = regex.compile(pattern, regex.IGNORECASE).fullmatch
    return [point for point in range(sys.maxunicode + 1) if fullmatch(chr(point))]


def unassigned() -> list[int]:
    """Code points that Unicode 14 doesn't know, noncharacters included."""
    category: Callable[[str], str] = unicodedata.category
    return [point for point in range(sys.maxunicode + 1) if category(chr(point)) == "Cn"]


def constant(name: str, comment: str, points: Iterable[int]) -> str:
    """Source of one constant: hexadecimal ranges in lines of decent length."""
    words = [f"{a:X}" if a == b else f"{a:X}-{b:X}" for a, b in ranges(points)]
    lines, line = [], ""
    for word in words:
        if len(line) + len(word) > 88:
            lines.append(line)
            line = ""
        line += word + " "
    lines.append(line)
    body = "\n".join(f'    "{line}"' for line in lines)
    return f'{name} = (\n{body}\n)\n"""{comment}"""\n'


def quoted(text: str) -> str:
    """An ASCII string literal in double quotes."""
    return '"' + ascii(text)[1:-1] + '"'


def main() -> None:
    if unicodedata.unidata_version != UNICODE:
        sys.exit(f"Run this with a Python of Unicode {UNICODE} (CPython 3.11).")
    parts = [
        '"""Character classes, as ranges of hexadecimal code points. Generated: '
        'webapp/make_classes.py."""\n',
        f'REGEX = "{regex.__version__}"\n"""The version of `regex` they were measured with."""\n',
        f'UNICODE = "{UNICODE}"\n"""The Unicode version that text is cleaned by."""\n',
        constant(
            "LETTERS", "Letters, as `regex` takes them when it ignores case.", matching(r"[\p{L}]")
        ),
        constant("NUMBERS", "Numbers, likewise.", matching(r"[\p{N}]")),
        constant(
            "OTHERS", "What is no space, letter or number, likewise.", matching(r"[^\s\p{L}\p{N}]")
        ),
        constant("UNASSIGNED", "Not in Unicode 14.", unassigned()),
    ]
    variants = {
        letter: "".join(map(chr, matching(letter))) for letter in sorted(LETTERS_IN_LITERALS)
    }
    table = "\n".join(f'    "{letter}": {quoted(v)},' for letter, v in variants.items())
    parts.append(
        f'VARIANTS = {{\n{table}\n}}\n"""What matches a letter of a literal, ignoring case."""\n'
    )
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    out.write_text("\n".join(parts), encoding="ascii")
    print(f"{out}: {out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
