"""Packages from npm as a browser can load them: their modules copied, and the names of packages in
imports replaced by addresses. Nothing else in them is changed."""

from __future__ import annotations

import os
import re
from pathlib import Path

IMPORT = re.compile(r"""^((?:import|export)\b[^;'"]*?from\s+)(['"])([^'"]+)\2""", re.MULTILINE)
"""At the start of a line: the examples in comments import too."""


def module_of(specifier: str, importer: Path, node_modules: Path) -> Path:
    """The file that an import means."""
    if specifier.startswith("."):
        return Path(os.path.normpath(importer.parent / specifier))
    scope, name, *inside = specifier.split("/")
    return node_modules / scope / name / Path(*inside or ["index.js"])


def modules(entry: Path, node_modules: Path) -> list[Path]:
    """Those of packages that `entry` imports, and those that these do."""
    found: list[Path] = []
    waiting = [entry]
    while waiting:
        importer = waiting.pop()
        for _, _, specifier in IMPORT.findall(importer.read_text(encoding="utf-8")):
            module = module_of(specifier, importer, node_modules)
            if module not in found:
                found.append(module)
                waiting.append(module)
    return sorted(found)


def copy(entry: Path, node_modules: Path, target: Path) -> None:
    """Writes `entry` to the file `target`, and the modules of packages below `npm/` beside it."""
    places = {entry: target}
    for module in modules(entry, node_modules):
        places[module] = target.parent / "npm" / module.relative_to(node_modules)
    for source, place in places.items():

        def address(found: re.Match[str], source: Path = source, place: Path = place) -> str:
            wanted = places[module_of(found[3], source, node_modules)]
            relative = Path(os.path.relpath(wanted, place.parent)).as_posix()
            return f"{found[1]}{found[2]}./{relative}{found[2]}"

        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(IMPORT.sub(address, source.read_text(encoding="utf-8")), encoding="utf-8")
