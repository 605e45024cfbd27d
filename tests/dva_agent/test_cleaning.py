# ruff: noqa: RUF001
from __future__ import annotations

import html
import subprocess
import sys
from pathlib import Path

import ftfy
import pytest
from dva_agent.cleaning import clean
from hypothesis import example, given, settings

from tests.dva_agent.texts import SAME_UNICODE, captions

ROOT = Path(__file__).parents[2]


def by_open_clip(caption: str) -> str:
    """What open_clip's SimpleTokenizer does before it splits."""
    text = html.unescape(html.unescape(ftfy.fix_text(caption))).strip()
    return " ".join(text.split()).lower()


@settings(max_examples=400, deadline=None)
@given(captions)
@example("first &eacute;\n<br>\nthird &eacute;")
@example("&#x1c89; and \ua7dc")
@example("ΑΣ\U0001171e\U000e01ef\U000e01ee Α\U0001171eΣ")
def test_any_text_is_cleaned_as_open_clip_cleans_it(caption: str) -> None:
    if SAME_UNICODE or caption.isascii():
        assert clean(caption) == by_open_clip(caption)


@pytest.mark.parametrize(
    ("caption", "cleaned"),
    [
        ("", ""),
        (" \t\n\u3000", ""),
        ("&nbsp;", ""),
        ("\ufeff", ""),
        ("A  Red\nApple", "a red apple"),
        ("voilÃ  le travail", "voilà le travail"),
        ("itâ€™s “here”", 'it\'s "here"'),
        # Newer than Unicode 14: neither lower-cased nor composed, whatever this Python knows.
        ("\ua7dcX", "\ua7dcx"),
        ("\U000105d2\u0307", "\U000105d2\u0307"),
        ("ΑΣ\U0001171eΑ", "ασ\U0001171eα"),
    ],
)
def test_examples(caption: str, cleaned: str) -> None:
    assert clean(caption) == cleaned


def test_the_classes_are_what_the_pinned_environment_gives(tmp_path: Path) -> None:
    """Regenerated with this environment's `regex`: what is committed is what comes out."""
    if not SAME_UNICODE:
        return  # made with CPython 3.11, and only there
    script = ROOT / "webapp" / "make_classes.py"
    out = tmp_path / "_classes.py"
    subprocess.run([sys.executable, script, out], check=True)
    subprocess.run(
        [
            sys.executable,
            "-m",
            "ruff",
            "format",
            "--quiet",
            "--config",
            ROOT / "pyproject.toml",
            out,
        ],
        check=True,
    )
    assert out.read_text() == (ROOT / "webapp" / "dva_agent" / "_classes.py").read_text()
