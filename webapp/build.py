"""Builds static/app/, what a tab loads, from webapp/ and node_modules: `python webapp/build.py`.
`--check` builds nothing: status 1 if static/app/ is not what would be built now.

    static/app/
      ui/ admin/ engine/ identity/   those of webapp/ as they are: ES modules, no bundler
      identity/npm/      the modules of packages that identity/libraries.js imports
      vendor/            libraries of the operator's pages, as their packages have them
      ort/               onnxruntime-web: the WebGPU build and the plain wasm build
      pyodide/           Pyodide, its standard library and the wheels of the agent, all as bytecode,
                         with a pyodide-lock.json that names these wheels and nothing else
      licences/
      *.br               each large file again, compressed with brotli
      built.json         hash of everything that went in: with the same inputs nothing is done

Needs the network once, for the wheels of requirements/pyodide.txt; everything that doesn't depend
on the agent's own sources is kept under build/tab/ for the next time.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import brotli
import npm_modules

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "webapp"
CACHE = ROOT / "build" / "tab"
TARGET = ROOT / "static" / "app"
REQUIREMENTS = ROOT / "requirements" / "pyodide.txt"
NODE_MODULES = ROOT / "node_modules"
PYODIDE = NODE_MODULES / "pyodide"
ORT = NODE_MODULES / "onnxruntime-web" / "dist"

PYODIDE_FILES = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm")
LIBRARIES = SOURCE / "identity" / "libraries.js"
"""The one module of ours that imports from packages."""
PARTS = ("ui", "admin", "engine", "identity", "licences")
STDLIB = "python_stdlib.zip"
LOCK = "pyodide-lock.json"
ORT_FILES = (
    "ort.webgpu.bundle.min.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
    "ort.wasm.bundle.min.mjs",
    "ort-wasm-simd-threaded.wasm",
)
VENDORED = (
    "htmx.org/dist/htmx.min.js",
    "uplot/dist/uPlot.iife.min.js",
    "uplot/dist/uPlot.min.css",
)
"""Of node_modules: what the operator's pages load, under the file's own name."""
TAB_PACKAGES = ("ftfy", "wcwidth", "msgspec")
"""Of requirements/pyodide.txt; the rest of it is only needed to compile."""
DEPENDS = {"dva-agent": ["ftfy", "msgspec"], "ftfy": ["wcwidth"], "msgspec": [], "wcwidth": []}

BROTLI_SUFFIXES = (".wasm", ".mjs", ".js", ".json", ".zip", ".whl")
BROTLI_MIN_BYTES = 2048
BROTLI_QUALITY = 9
"""11 is a tenth smaller and takes a minute more of everybody's set-up."""


class BuildError(Exception):
    """A sentence for a person: what is wrong and what to do."""


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def digest(paths: Iterable[Path], *, extra: str = "") -> str:
    """sha256 hex over names (relative to the repository) and contents, in sorted order."""
    total = hashlib.sha256(extra.encode())
    for path in sorted(paths):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(ROOT).as_posix()} {content}\n".encode())
    return total.hexdigest()


def files_below(folder: Path) -> list[Path]:
    return [
        path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]


def agent_sources() -> list[Path]:
    """What goes into the agent's wheel."""
    native = SOURCE / "dva_agent" / "native"
    sources = [path for path in files_below(SOURCE / "dva_agent") if native not in path.parents]
    return [*sources, SOURCE / "pyproject.toml", ROOT / "pyproject.toml"]


def machinery() -> list[Path]:
    """What decides how anything is compiled."""
    return [Path(__file__).resolve(), *files_below(SOURCE / "pyodide"), REQUIREMENTS]


def third_party() -> list[Path]:
    """Files of node_modules that are served. Raises BuildError if one is not there."""
    paths = [PYODIDE / name for name in (*PYODIDE_FILES, STDLIB, LOCK)]
    paths += [ORT / name for name in ORT_FILES]
    paths += [NODE_MODULES / path for path in VENDORED]
    for path in paths:
        if not path.is_file():
            raise missing(path)
    try:
        return [*paths, *npm_modules.modules(LIBRARIES, NODE_MODULES)]
    except FileNotFoundError as error:
        raise missing(Path(error.filename)) from error


def missing(path: Path) -> BuildError:
    return BuildError(f"{path.name} is missing: run `npm ci`, or `make setup`.")


def run(command: list[str], failure: str) -> None:
    """Raises BuildError(failure) with the end of what the command said."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise BuildError(f"{failure}\n{said}")


def wheels() -> Path:
    """The folder with the wheels of requirements/pyodide.txt, downloaded once."""
    folder = CACHE / f"wheels-{digest([REQUIREMENTS])[:16]}"
    if folder.is_dir():
        return folder
    say("Downloading the tab's Python packages")
    info = json.loads((PYODIDE / LOCK).read_text())["info"]
    version = ".".join(info["python"].split(".")[:2])
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--disable-pip-version-check", "--retries", "2", "--require-hashes"]
        command += ["--only-binary=:all:", "--python-version", version, "--implementation", "cp"]
        command += ["--abi", f"cp{version.replace('.', '')}", "--abi", "none", "--platform", "any"]
        command += ["--platform", f"pyemscripten_{info['abi_version']}_{info['arch']}"]
        command += ["--dest", f"{scratch}/wheels", "--requirement", str(REQUIREMENTS)]
        run(command, "The tab's Python packages can't be downloaded. Is there a network?")
        Path(scratch, "wheels").rename(folder)
    return folder


def wheel_of(folder: Path, package: str) -> Path:
    found = list(folder.glob(f"{package.replace('-', '_')}-*.whl"))
    if len(found) != 1:
        raise BuildError(f"{len(found)} wheels of {package} in {folder}: remove that folder.")
    return found[0]


def lock_entry(wheel: Path, package: str) -> dict[str, Any]:
    """One package of a pyodide-lock.json. Top-level folders are what can be imported."""
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist() if "/" in name}
    return {
        "name": package,
        "version": wheel.name.split("-")[1],
        "file_name": wheel.name,
        "install_dir": "site",
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "package_type": "package",
        "imports": sorted(name for name in names if not name.endswith(".dist-info")),
        "depends": DEPENDS[package],
        "unvendored_tests": False,
    }


def compile_archives(key: str, archives: dict[str, Path], label: str) -> Path:
    """A folder with `archives` (package name -> file; the standard library under its own name) as
    bytecode, and a pyodide-lock.json of the packages among them. Kept under build/tab/."""
    folder = CACHE / key
    if folder.is_dir():
        return folder
    say(label)
    info = json.loads((PYODIDE / LOCK).read_text())["info"]
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        work = Path(scratch, "archives")
        work.mkdir()
        packages = {}
        for package, path in archives.items():
            copy = Path(shutil.copy(path, work))
            if package != STDLIB:
                packages[package] = lock_entry(copy, package)
        (work / LOCK).write_text(json.dumps({"info": info, "packages": packages}))
        script = str(SOURCE / "pyodide" / "compile.mjs")
        command = ["node", script, str(PYODIDE), str(work), str(wheels())]
        run(command, "Python for the tab can't be compiled. Is node 20 or newer installed?")
        work.rename(folder)
    return folder


def compiled_runtime() -> Path:
    sources = [PYODIDE / STDLIB, PYODIDE / "pyodide.asm.wasm", *machinery()]
    archives = {package: wheel_of(wheels(), package) for package in TAB_PACKAGES}
    archives[STDLIB] = PYODIDE / STDLIB
    return compile_archives(
        f"runtime-{digest(sources)[:16]}", archives, "Compiling Python's standard library"
    )


def compiled_agent() -> Path:
    key = f"agent-{digest([*agent_sources(), *machinery(), PYODIDE / 'pyodide.asm.wasm'])[:16]}"
    if (CACHE / key).is_dir():
        return CACHE / key
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
        command += ["--disable-pip-version-check", "--no-build-isolation"]
        run([*command, "--wheel-dir", scratch, str(SOURCE)], "The agent's wheel can't be built.")
        wheel = wheel_of(Path(scratch), "dva-agent")
        return compile_archives(key, {"dva-agent": wheel}, "Compiling the agent")


def compress(path: Path) -> None:
    """Writes PATH.br, from build/tab/ if these very bytes were compressed before."""
    content = path.read_bytes()
    kept = CACHE / "brotli" / f"{hashlib.sha256(content).hexdigest()}-{BROTLI_QUALITY}"
    if not kept.is_file():
        small = brotli.compress(content, quality=BROTLI_QUALITY)
        scratch = kept.with_name(f"{kept.name}.{os.getpid()}")
        scratch.write_bytes(small)
        scratch.rename(kept)
    shutil.copyfile(kept, path.with_name(f"{path.name}.br"))


def assemble(app: Path) -> None:
    """Fills the empty folder `app`."""
    for part in PARTS:
        shutil.copytree(SOURCE / part, app / part)
    npm_modules.copy(LIBRARIES, NODE_MODULES, app / "identity" / LIBRARIES.name)
    shutil.copy(ROOT / "LICENSE", app / "licences" / "LICENSE.txt")
    (app / "ort").mkdir()
    for name in ORT_FILES:
        shutil.copyfile(ORT / name, app / "ort" / name)
    (app / "vendor").mkdir()
    for path in VENDORED:
        shutil.copyfile(NODE_MODULES / path, app / "vendor" / Path(path).name)
    (app / "pyodide").mkdir()
    for name in PYODIDE_FILES:
        shutil.copyfile(PYODIDE / name, app / "pyodide" / name)
    lock: dict[str, Any] = {"packages": {}}
    for folder in (compiled_runtime(), compiled_agent()):
        part = json.loads((folder / LOCK).read_text())
        lock = {"info": part["info"], "packages": lock["packages"] | part["packages"]}
        for path in (*folder.glob("*.whl"), *folder.glob("*.zip")):
            shutil.copyfile(path, app / "pyodide" / path.name)
    (app / "pyodide" / LOCK).write_text(json.dumps(lock, indent=1))
    say("Compressing")
    (CACHE / "brotli").mkdir(exist_ok=True)
    large = [path for path in files_below(app) if path.suffix in BROTLI_SUFFIXES]
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(compress, (p for p in large if p.stat().st_size >= BROTLI_MIN_BYTES)))


def replace(app: Path) -> None:
    """Puts the finished folder in the place of the old one; the old one is whole until then."""
    TARGET.parent.mkdir(exist_ok=True)
    old = CACHE / f"old-{os.getpid()}"
    if TARGET.exists():
        TARGET.rename(old)
    app.rename(TARGET)
    shutil.rmtree(old, ignore_errors=True)


def wanted_stamp() -> str:
    """What built.json says when static/app/ is current. Raises BuildError."""
    parts = [path for part in PARTS for path in files_below(SOURCE / part)]
    packages = [Path(npm_modules.__file__), *third_party()]
    inputs = [*parts, *agent_sources(), *machinery(), *packages, ROOT / "LICENSE"]
    return json.dumps({"inputs": digest(inputs)})


def is_current(stamp: str) -> bool:
    built = TARGET / "built.json"
    return built.is_file() and built.read_text() == stamp


def build() -> bool:
    """Brings static/app/ up to date. False if it was. Raises BuildError."""
    stamp = wanted_stamp()
    if is_current(stamp):
        return False
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="app-") as scratch:
        app = Path(scratch, "app")
        app.mkdir()
        assemble(app)
        (app / "built.json").write_text(stamp)
        replace(app)
    return True


def main() -> int:
    try:
        if sys.argv[1:] == ["--check"]:
            return 0 if is_current(wanted_stamp()) else 1
        done = build()
    except BuildError as error:
        say(str(error))
        return 1
    if done:
        total = sum(path.stat().st_size for path in files_below(TARGET) if path.suffix == ".br")
        say(f"Built the web app in static/app ({total / 1e6:.1f} MB over the wire)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
