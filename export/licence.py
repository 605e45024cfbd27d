"""Under which terms weights may be used and passed on: what the bundle's LICENSE.txt says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from export.checkpoints import SEE_PAGE, Checkpoint
from export.errors import LicenceUnaccepted

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


RANDOM_LICENCE = LicenceText(
    name="CC0-1.0",
    url="https://creativecommons.org/publicdomain/zero/1.0/",
    attribution="random numbers",
    text="These weights are random numbers; nobody claims any right in them (CC0-1.0).\n",
)


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


def hub_licence(
    hub: str, known: Checkpoint | None, *, card: str = "", text: str = ""
) -> LicenceText:
    """`card`: the model page's README.md, whose first lines name the licence; `text`: the licence
    file in the repository. "" where there is none. What the page says goes before what is known
    here."""
    page = f"https://huggingface.co/{hub}"
    said = _front_matter(card)
    name = said.get("license_name") or said.get("license", "")
    if name in ("", "other"):
        name = known.licence if known else SEE_PAGE
    link = said.get("license_link", "")
    if link and not link.startswith("https://"):
        link = f"{page}/blob/main/{link}"
    url = link or (known.licence_url if known else page)
    return LicenceText(
        name=name,
        url=url,
        attribution=known.attribution if known else f"{hub}, {page}",
        text=(
            f"The weights in this bundle were converted from {page}.\n"
            f"Licence: {name}.\nIts text: {url}\n"
            "Whoever serves or uses them needs to have read and accepted it.\n"
            + (f"\nAs it lay beside the weights:\n\n{text.rstrip()}\n" if text else "")
        ),
    )


def _front_matter(card: str) -> dict[str, str]:
    """The plain `license...: value` lines between the two --- that begin a model's page."""
    block = re.match(r"---\r?\n(.*?)\n---", card, re.DOTALL)
    if block is None:
        return {}
    lines = re.findall(r"^(license(?:_name|_link)?):[ \t]*(\S[^\r\n]*)", block[1], re.MULTILINE)
    return {key: value.strip().strip("'\"")[:200] for key, value in lines}


def no_licence(label: str) -> LicenceText:
    return LicenceText(
        name="not stated",
        url="",
        attribution=label,
        text=f"No licence was given for the weights of {label}. Don't pass them on.\n",
    )


def check_accepted(licence: LicenceText, label: str, *, accepted: bool) -> None:
    """Raises LicenceUnaccepted, which says what is to be read and how to accept it."""
    if accepted:
        return
    where = f": {licence.url}" if licence.url else ""
    raise LicenceUnaccepted(
        f"The weights of {label} come under a licence that has to be accepted: {licence.name}"
        f"{where}.",
        next_step="Read it, and if you agree to it, add --accept-license.",
    )
