"""Installs the PyTorch trio of requirements/torch.txt, the CPU build where an index has it.

PyPI's own torch for Linux brings several gigabytes of CUDA that nothing here uses. Wheels of
https://download.pytorch.org/whl/cpu carry a local version (`2.13.0+cpu`), which pip prefers to
the plain one, so naming that index is enough; where it can't be reached, pip takes what its own
configuration offers.
"""

import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
LOCK = Path(__file__).parent.parent / "requirements" / "torch.txt"


def cpu_index_answers() -> bool:
    try:
        with urllib.request.urlopen(f"{CPU_INDEX}/torch/", timeout=5):  # noqa: S310
            return True
    except (urllib.error.URLError, TimeoutError):
        return False


def main() -> int:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--retries", "2", "-r", str(LOCK)]
    if cpu_index_answers():
        command += ["--extra-index-url", CPU_INDEX]
    return subprocess.call(["setup/logged.sh", "Installing PyTorch", *command])  # noqa: S603, S607


if __name__ == "__main__":
    raise SystemExit(main())
