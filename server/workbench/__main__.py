"""python -m server.workbench JOB: what a server starts for a job."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from server.config import read_settings
from server.db import Database
from server.errors import WorkbenchError
from server.workbench.run import run

POLITE = 10


def main() -> None:
    settings = read_settings()
    os.nice(POLITE)
    signal.signal(signal.SIGTERM, _terminated)
    database = Database(settings.database_url)
    try:
        run(database, settings, int(sys.argv[1]))
    finally:
        database.close()


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    raise WorkbenchError("Its process was ended.", code="process_ended")


if __name__ == "__main__":
    main()
