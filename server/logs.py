"""The log on stderr: a line a record, JSON for programs and plain for people."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any, Literal

from gunicorn.glogging import Logger

from server.request_id import request_id

Format = Literal["auto", "json", "text"]
_UNREADABLE = re.compile(r"Invalid request from ip=.*?: ([^:'\"]*)")
_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s%(of_request)s"


def set_up(level: str, form: Format) -> None:
    """`auto`: plain on a terminal, JSON elsewhere."""
    as_text = form == "text" or (form == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(_TEXT) if as_text else JsonLines())
    handler.addFilter(_add_request)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def _add_request(record: logging.LogRecord) -> bool:
    identity = request_id()
    record.__dict__["request_id"] = identity
    record.__dict__["of_request"] = f" [{identity}]" if identity else ""
    return True


class JsonLines(logging.Formatter):
    """One JSON object a record. Its own fields go in as `extra={"fields": {...}}`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if identity := getattr(record, "request_id", ""):
            line["request_id"] = identity
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class GunicornLog(Logger):  # type: ignore[misc]
    """gunicorn's own messages, in our log and our format."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.addFilter(_without_client)
        self.error_log.propagate = True


def _without_client(record: logging.LogRecord) -> bool:
    """Of a request that it can't read, gunicorn tells the address, and what was sent: a header,
    with a token perhaps."""
    if found := _UNREADABLE.match(record.getMessage()):
        record.msg, record.args = f"Invalid request: {found[1].strip()}", ()
    return True
