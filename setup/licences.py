"""docs/licences.md: what is needed or shipped, at which version, under which licence.

    python setup/licences.py            writes it, from the lock files and what is installed
    python setup/licences.py --check    status 1 unless it lists exactly what the lock files do

The check compares names and versions only: which packages are installed, and so whose licence can
be read, differs between machines; the lock files don't.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "licences.md"
REQUIREMENTS = ROOT / "requirements"
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", re.MULTILINE)
ROW = re.compile(r"^\| `([^`]+)` \| ([^ |]+) \|", re.MULTILINE)
LONGEST = 80
"""Some packages put the licence's whole text where its name belongs."""

READ_BY_HAND = {
    # Installed on other systems only, or only inside Pyodide; or without a licence in its metadata.
    "colorama": "BSD-3-Clause",
    "daft": "Apache-2.0",
    "httpx2-jsfetch": "BSD-3-Clause",
    "platformdirs": "MIT",
    "pyodide-build": "MPL-2.0",
    "resvg-py": "MIT",
    "standard-imghdr": "PSF-2.0",
}
IN_THE_TAB = frozenset({"ftfy", "wcwidth", "msgspec"})
IN_THE_TAB_NPM = (
    "@noble/ed25519",
    "@scure/bip39",
    "htmx.org",
    "onnxruntime-web",
    "pyodide",
    "uplot",
)
FETCH = "build/fetch/lib/python*/site-packages"
ARTWORK = "@iconify-json/"


@dataclass(frozen=True, kw_only=True, order=True)
class Package:
    """One row. `served`: part of what a visitor's browser gets."""

    name: str
    version: str
    licence: str
    served: bool = False


def pinned(*files: str) -> dict[str, str]:
    """Name -> version of lock files, the first that names a package counting."""
    found: dict[str, str] = {}
    for file in files:
        for name, version in PINNED.findall((REQUIREMENTS / file).read_text(encoding="utf-8")):
            found.setdefault(name, version)
    return found


def python_packages(
    wanted: Mapping[str, str],
    served: frozenset[str] = frozenset(),
    installed: Iterable[Path] | None = None,
) -> list[Package]:
    """`installed`: the folders where another environment keeps its packages."""
    path = list(map(str, installed)) if installed is not None else sys.path
    return [
        Package(name=name, version=version, licence=licence_of(name, path), served=name in served)
        for name, version in sorted(wanted.items())
    ]


def licence_of(name: str, path: list[str]) -> str:
    """In the package's own words: the SPDX expression, the old field, or its classifiers."""
    found = next(iter(metadata.distributions(name=name, path=path)), None)
    told = found.metadata if found else None
    if told is None:
        return READ_BY_HAND.get(name, "not installed where this list was made")
    expression: str | None = told.get("License-Expression")
    if expression:
        return expression
    classified = [
        line.rpartition(" :: ")[2]
        for line in told.get_all("Classifier") or []
        if line.startswith("License :: ") and line.count(" :: ") > 1
    ]
    field = (told.get("License") or "").strip()
    if field and "\n" not in field and len(field) <= LONGEST:
        return field
    return ", ".join(classified) or READ_BY_HAND.get(name, "see the package")


def npm_packages(*, dev: bool) -> list[Package]:
    """Of package-lock.json, which tells licences as the registry has them."""
    locked: dict[str, Any] = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    served = _needed_by(IN_THE_TAB_NPM, locked)
    return sorted(
        Package(
            name=name,
            version=entry["version"],
            licence=str(entry.get("license", "see the package")),
            served=name in served or name.startswith(ARTWORK + "twemoji"),
        )
        for path, entry in locked.items()
        if path
        and not _is_other_platforms(entry)
        and bool(entry.get("dev")) is dev
        and (name := path.rpartition("node_modules/")[2])
    )


def _is_other_platforms(entry: Mapping[str, Any]) -> bool:
    """One build of many, of a package that is listed by its own name."""
    return bool(entry.get("optional")) and ("os" in entry or "cpu" in entry)


def _needed_by(names: Iterable[str], locked: Mapping[str, Any]) -> set[str]:
    """onnxruntime-web's own modules carry its dependencies in them; @scure/bip39's are served too;
    Pyodide's ws is node's only."""
    found = set(names)
    for name in names:
        if name in ("onnxruntime-web", "@scure/bip39"):
            entry = locked[f"node_modules/{name}"]
            found |= set(entry.get("dependencies", {}))
    return found


def table(packages: Iterable[Package]) -> str:
    rows = [
        f"| `{package.name}` | {package.version} | {package.licence} | "
        f"{'yes' if package.served else ''} |"
        for package in packages
    ]
    return "\n".join(
        ["| package | version | licence | served |", "| --- | --- | --- | --- |", *rows]
    )


def demo_weights() -> str:
    manifests = sorted((ROOT / "static" / "models").glob("*/manifest.json"))
    licences = sorted({json.loads(path.read_bytes())["licence"]["name"] for path in manifests})
    return ", ".join(licences)


def everything() -> dict[str, list[Package]]:
    """By heading. What the first group has isn't said again in the second."""
    run = pinned("run.txt")
    all_of_it = pinned("dev.txt", "torch.txt")
    dev = {name: version for name, version in all_of_it.items() if name not in run}
    tab = pinned("pyodide.txt")
    fetch = pinned("fetch.txt")
    return {
        "Python, to run": python_packages(run),
        "Python, to export and to test": python_packages(dev),
        "Python, to fetch": python_packages(fetch, installed=ROOT.glob(FETCH)),
        "Python, in the tab": python_packages(tab, IN_THE_TAB),
        "npm, to run": npm_packages(dev=False),
        "npm, to check and to train": npm_packages(dev=True),
    }


ABOUT = {
    "Python, to run": "What `make run` installs (`requirements/run.txt`).",
    "Python, to export and to test": (
        "What `make test` and the export pipeline add (`requirements/dev.txt`, `torch.txt`)."
    ),
    "Python, to fetch": (
        "What `dva fetch` runs beside (`requirements/fetch.txt`), in an environment of its own."
    ),
    "Python, in the tab": (
        "What `webapp/build.py` downloads (`requirements/pyodide.txt`): served as bytecode, or"
        " needed to compile it."
    ),
    "npm, to run": "What the page is built from, and the demo's artwork and names.",
    "npm, to check and to train": (
        "Type checker, test tools, and the artwork that the demo network was trained and measured"
        " on: none of it is served."
    ),
}


def document(groups: Mapping[str, list[Package]]) -> str:
    parts = [
        f"""# Licences

Made by `python setup/licences.py` from the lock files; `make check` says when it is out of date.
In the last column: what of it a visitor's browser gets. DVA itself is under Apache-2.0
([LICENSE](../LICENSE)).

The page links its own list, `/static/app/licences/README.txt`, with the texts. Pyodide (MPL-2.0)
carries CPython and its standard library (PSF-2.0), which are served as bytecode; nothing else in
them was changed.

- **The demo's weights** in `static/models/`: {demo_weights()}. They contain no artwork;
  [LICENSES.md](../export/demo/checkpoint/LICENSES.md) names what they learned from.
- **The demo pool's pictures** are adapted from Twemoji (CC-BY-4.0, Twitter, Inc and other
  contributors), its captions from emojibase-data (MIT, after Unicode's CLDR).
- **The demo's glossary**, `export/demo/glossary.json`, is taken from WordNet 3.1 (Princeton
  University), whose licence lies beside it. Only training reads it.
- **Your own pools and bundles** have licences of their own: `dva ingest` takes a pool's from its
  `pool.json`, and the page shows it."""
    ]
    for heading, packages in groups.items():
        parts.append(f"## {heading}\n\n{ABOUT[heading]}\n\n{table(packages)}")
    return "\n\n".join(parts) + "\n"


def named(text: str) -> list[tuple[str, str]]:
    return ROW.findall(text)


def main() -> int:
    groups = everything()
    if sys.argv[1:] != ["--check"]:
        DOCUMENT.write_text(document(groups), encoding="utf-8")
        return 0
    wanted = [(one.name, one.version) for packages in groups.values() for one in packages]
    listed = named(DOCUMENT.read_text(encoding="utf-8")) if DOCUMENT.is_file() else []
    if sorted(wanted) == sorted(listed):
        return 0
    changed = sorted({name for name, _ in set(wanted) ^ set(listed)})
    print(f"docs/licences.md is out of date: {', '.join(changed)}.", file=sys.stderr)
    print("Run: .venv/bin/python setup/licences.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
