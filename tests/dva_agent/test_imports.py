from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import dva_agent

PACKAGE = Path(dva_agent.__file__).parent
PROGRAM = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(*sorted({name.split(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)))
"""
IN_THE_TAB_ONLY = ("__init__.py", "browser.py", "browser_identity.py")
ALLOWED = {"dva_agent", "ftfy", "msgspec", "wcwidth"}
OPTIONAL = {"typing_extensions"}
"""msgspec imports it where it is, and does without."""


def test_what_runs_in_the_tab_needs_nothing_that_the_tab_lacks() -> None:
    modules = [
        ".".join(("dva_agent", *path.relative_to(PACKAGE).with_suffix("").parts))
        for path in PACKAGE.rglob("*.py")
        if "native" not in path.parts and path.name not in IN_THE_TAB_ONLY
    ]
    assert len(modules) > 25
    done = subprocess.run(
        [sys.executable, "-S", "-c", PROGRAM, *modules],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    imported = {name for name in done.stdout.split() if not name.startswith("_")}
    assert imported - OPTIONAL <= ALLOWED


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((PACKAGE.parents[1] / "pyproject.toml").read_text())["project"]
    assert project["version"] == dva_agent.VERSION
