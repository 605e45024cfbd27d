"""The environment that img2dataset lives in: it can't share ours (docs/decisions/0034-fetch.md).

python -m server.fetching.environment    makes it, as `make setup-dev` does
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

from server.config import CHECKOUT
from server.errors import FetchError

LOCK = CHECKOUT / "requirements" / "fetch.txt"
DEFAULT = CHECKOUT / "build" / "fetch"
STAMP = "lock.sha256"
IMG2DATASET = "1.47.0"
"""guarded.py stands on two names of it, so another version has to be looked at first."""
SAY_VERSIONS = """
import json
from importlib import metadata
found = {}
for name in ("img2dataset", "ray", "pyspark"):
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""
QUIET = {
    "NO_ALBUMENTATIONS_UPDATE": "1",  # asks PyPI for a newer one whenever it is imported
    "WANDB_MODE": "disabled",
    "WANDB_ERROR_REPORTING": "false",
    "RAY_USAGE_STATS_ENABLED": "0",
}
MAX_PIXELS = 200_000_000
"""Of a picture: OpenCV would unpack 2^30 pixels, 3 GB, of a small file."""


def python_of(folder: Path) -> Path:
    return folder / "bin" / "python"


def ready(folder: Path | None) -> Path:
    """The interpreter of the environment in `folder`; None: of our own, which is made from the lock
    file if need be. Raises FetchError if it can't be, or holds another img2dataset."""
    if folder is None:
        if not LOCK.is_file():
            raise FetchError(
                "img2dataset's environment can only be made in a checkout.",
                code="fetch_environment",
                next_step=f"Make one with img2dataset {IMG2DATASET} and name it: --environment",
            )
        make(DEFAULT)
        folder = DEFAULT
    versions = read_versions(folder)
    if versions.get("img2dataset") != IMG2DATASET:
        raise FetchError(
            f"{folder} has {versions.get('img2dataset', 'no')} img2dataset, not {IMG2DATASET}.",
            code="fetch_environment",
            next_step=f"{python_of(folder)} -m pip install img2dataset=={IMG2DATASET}",
        )
    return python_of(folder)


def require(folder: Path | None, package: str) -> None:
    """Raises FetchError unless the environment has what another distributor needs: without ray,
    img2dataset would do nothing and say so to nobody."""
    folder = folder or DEFAULT
    if package not in read_versions(folder):
        raise FetchError(
            f"{folder} has no {package}.",
            code="fetch_environment",
            next_step=f"{python_of(folder)} -m pip install {package}",
        )


def read_versions(folder: Path) -> dict[str, str]:
    python = python_of(folder)
    if not python.is_file():
        raise FetchError(
            f"There is no Python environment in {folder}.",
            code="fetch_environment",
            next_step="Name one that has img2dataset, or leave --environment out.",
        )
    done = subprocess.run(  # noqa: S603
        [str(python), "-I", "-c", SAY_VERSIONS], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise FetchError(f"{python} doesn't run: {done.stderr[-500:]}", code="fetch_environment")
    found: dict[str, str] = json.loads(done.stdout)
    return found


def variables(environ: dict[str, str]) -> dict[str, str]:
    """What img2dataset's process is given of ours: none of DVA's settings, some are secret."""
    kept = {
        name: value for name, value in environ.items() if not name.startswith(("DVA_", "PYTHON"))
    }
    return {**kept, **QUIET, "OPENCV_IO_MAX_IMAGE_PIXELS": str(MAX_PIXELS)}


def make(folder: Path) -> None:
    """Makes the environment, unless it is there already, of this very lock file. Whoever comes
    while another makes it waits."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as waiting:
        fcntl.flock(waiting, fcntl.LOCK_EX)
        _make(folder)


def _make(folder: Path) -> None:
    lock = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    stamp = folder / STAMP
    if stamp.is_file() and stamp.read_text() == lock:
        return
    print("Making the environment of img2dataset ...", file=sys.stderr)
    # Made under its own name, as its scripts name it; the stamp says when it is whole.
    shutil.rmtree(folder, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(folder)])
    pip = [str(python_of(folder)), "-m", "pip", "install", "--quiet", "--retries", "2"]
    _run([*pip, "--disable-pip-version-check", "--require-hashes", "-r", str(LOCK)])
    stamp.write_text(lock)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise FetchError(
            f"img2dataset's environment can't be made: {done.stderr.strip()[-1000:]}",
            code="fetch_environment",
            next_step="It needs a network, once. Connect, and repeat the command.",
        )


if __name__ == "__main__":
    make(DEFAULT)
