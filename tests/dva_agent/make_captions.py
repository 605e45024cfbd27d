"""Writes captions.json: captions with the ids that open_clip gives them.

The same list is held against the tokenizer in CPython (test_tokenizer.py) and in the tab
(tests/e2e). Run with the project's pinned environment, after changing what is listed here:

    .venv/bin/python -m tests.dva_agent.make_captions
"""

from __future__ import annotations

import gzip
import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from export.openclip import open_clip
from tests.dva_agent import odd_captions

SimpleTokenizer = open_clip.tokenizer.SimpleTokenizer
HERE = Path(__file__).parent
OUT = HERE / "captions.json"
EMOJI = HERE.parents[1] / "node_modules" / "emojibase-data"
ORDINARY = 2100

TEMPLATES = (
    "{}",
    "{}",
    "a photo of a {}",
    "An illustration of {} and {}, vector art",
    "{} | Free Download",
    "Buy {} Online - 50% off!",
    "{} next to {} on a white background",
    "The {}'s best friend: {}",
    "{} (2019) #{:d}, 1080x1920px",
    "I don't know what they'll do; we've seen {}.",
    "“{}” – {}…",  # noqa: RUF001
    "{}&nbsp;&amp; {} for $12.99",
    "IMG_{:04d}.JPG {}",
    "{} \u2014 Stock-Foto #{:d}",
    "Set of {:d} {} icons, hand drawn.",
)


def labels(language: str) -> list[str]:
    """The emoji names of a language."""
    entries = json.loads((EMOJI / language / "compact.json").read_text())
    return [entry["label"] for entry in entries]


def ordinary() -> Iterator[str]:
    """What captions look like: English names in templates, plain names in many languages."""
    rng = random.Random(2026)
    english = labels("en")
    languages = ("de", "es", "fr", "hi", "it", "ja", "ko", "pl", "pt", "ru", "th", "vi", "zh")
    foreign = [name for language in languages for name in labels(language)]
    for index in range(ORDINARY):
        if index % 4 == 3:
            yield rng.choice(foreign)
            continue
        template = rng.choice(TEMPLATES)
        fields = template.replace("{:04d}", "{:d}").split("{")[1:]
        values = [
            rng.randrange(10_000) if field.startswith(":d") else rng.choice(english)
            for field in fields
        ]
        yield template.format(*values)


def reference(folder: Path, merges: int) -> Any:
    """open_clip's tokenizer with only the first merges of CLIP's list."""
    lines = (
        gzip.decompress(Path(open_clip.tokenizer.default_bpe()).read_bytes()).decode().split("\n")
    )
    path = folder / "merges.txt.gz"
    path.write_bytes(gzip.compress("\n".join(lines[: merges + 1]).encode()))
    return SimpleTokenizer(bpe_path=str(path))


def main() -> None:

    with tempfile.TemporaryDirectory() as folder:
        tokenizers = {
            "clip": (SimpleTokenizer(), 48_894, 77),
            "demo": (reference(Path(folder), 3584), 3584, 32),
        }
    captions: list[dict[str, Any]] = []
    for kind, texts in (("ordinary", ordinary()), ("odd", odd_captions.CAPTIONS)):
        for text in texts:
            entry: dict[str, Any] = {"kind": kind, "text": text}
            for name, (tokenizer, _, context) in tokenizers.items():
                ids = tokenizer([text], context_length=context)[0].tolist()
                # The last one: a caption may spell the token itself.
                entry[name] = ids[: context - ids[::-1].index(tokenizer.eot_token_id)]
            captions.append(entry)
    document = {
        "about": "Ids of open_clip's SimpleTokenizer, from start to end of text; zeros follow up "
        "to the context length. Made by tests/dva_agent/make_captions.py.",
        "tokenizers": {
            name: {"merges": merges, "context_length": context}
            for name, (_, merges, context) in tokenizers.items()
        },
    }
    lines = ",\n".join(json.dumps(entry, ensure_ascii=True) for entry in captions)
    head = json.dumps(document)[:-1]
    OUT.write_text(f'{head}, "captions": [\n{lines}\n]}}\n', encoding="ascii")
    print(f"{OUT}: {len(captions)} captions, {OUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
