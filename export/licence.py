"""Under which terms weights may be used and passed on: what the bundle's LICENSE.txt says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from export.checkpoints import APPLE_LICENCE, Checkpoint

LICENCE_FILES = ("LICENSE.txt", "LICENSE", "LICENSES.md", "LICENSE.md", "LICENCE")
MIT_TEXT = """\
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT
OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""

NOTICES = f"""
--------------------------------------------------------------------------------
Also in this bundle

golden/: test pictures; those of things were drawn from Twemoji artwork
(https://github.com/twitter/twemoji), Copyright Twitter, Inc and other contributors, licensed
CC-BY-4.0 (https://creativecommons.org/licenses/by/4.0/), put on plain backgrounds and re-encoded.

tokenizer/merges.txt: the beginning of the byte-pair vocabulary of CLIP
(https://github.com/openai/CLIP), MIT License, Copyright (c) 2021 OpenAI:

{MIT_TEXT}"""
"""Of what every bundle holds beside the weights."""


@dataclass(frozen=True, kw_only=True)
class LicenceText:
    name: str
    url: str
    attribution: str
    text: str


def folder_licence(folder: Path, label: str) -> LicenceText:
    """The licence that lies beside the weights."""
    found = next((folder / name for name in LICENCE_FILES if (folder / name).is_file()), None)
    if found is None:
        return no_licence(label)
    return LicenceText(
        name=f"see {found.name}", url="", attribution=label, text=found.read_text(encoding="utf-8")
    )


def demo_licence(folder: Path) -> LicenceText:
    """Of the demo network, whose checkpoint says whose artwork taught it."""
    return LicenceText(
        name="Apache-2.0",
        url="https://www.apache.org/licenses/LICENSE-2.0",
        attribution="DVA's demo network, taught by the emoji artwork that its licence file names",
        text=(folder / "LICENSES.md").read_text(encoding="utf-8"),
    )


def hub_licence(hub: str, known: Checkpoint | None) -> LicenceText:
    page = f"https://huggingface.co/{hub}"
    name = APPLE_LICENCE if known else "see the model's page"
    url = known.licence_url if known else page
    return LicenceText(
        name=name,
        url=url,
        attribution=known.attribution if known else f"{hub}, {page}",
        text=(
            f"The weights in this bundle were converted from {page}.\n"
            f"Licence: {name}.\nIts text: {url}\n"
            "Whoever serves or uses them needs to have read and accepted it.\n"
        ),
    )


def no_licence(label: str) -> LicenceText:
    return LicenceText(
        name="not stated",
        url="",
        attribution=label,
        text=f"No licence was given for the weights of {label}. Don't pass them on.\n",
    )
