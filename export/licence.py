"""Under which terms weights may be used and passed on: what the bundle's LICENSE.txt says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from export.checkpoints import APPLE_LICENCE, Checkpoint

LICENCE_FILES = ("LICENSE.txt", "LICENSE", "LICENSES.md", "LICENSE.md", "LICENCE")


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
    facts: dict[str, str] = {}
    beside = folder / "licence.json"
    if beside.is_file():
        facts = json.loads(beside.read_text(encoding="utf-8"))
    return LicenceText(
        name=facts.get("name", f"see {found.name}"),
        url=facts.get("url", ""),
        attribution=facts.get("attribution", label),
        text=found.read_text(encoding="utf-8"),
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
