"""A job's own process: begun by a server, and not ended with it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

from server.config import Settings
from server.errors import WorkbenchError
from server.workbench import folders


def start(settings: Settings, pool: str, job: int) -> None:
    """Raises WorkbenchError where none can be begun."""
    said = folders.log(settings, pool, job)
    said.parent.mkdir(parents=True, exist_ok=True)
    # In the environment, since anybody may read a command line, and a URL may hold a password.
    environment = {
        **os.environ,
        "DVA_DATA": str(settings.data.resolve()),
        "DVA_DATABASE": settings.database,
    }
    try:
        with said.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "server.workbench", str(job)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
    except OSError as error:
        raise WorkbenchError(
            "No process could be started for it.",
            code="process_refused",
            next_step="Try again when the machine has less to do.",
        ) from error
    # Whoever begins a process has to ask how it ended, else its entry stays.
    threading.Thread(target=process.wait, daemon=True).start()
