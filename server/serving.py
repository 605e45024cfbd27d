"""`dva serve`: gunicorn inside our own process, on a socket that is ours before it starts."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from flask import Flask
from gunicorn.app.base import BaseApplication

from server import create_app, logs
from server.config import Settings
from server.db import now
from server.errors import ServeError
from server.keys import secret_key

BACKLOG = 512
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus_client's own."""
GRACE_S = 10


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ServeError if the address is taken or can't be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ServeError(
            f"{host} port {port} can't be used: {os.strerror(error.errno or 0)}."
        ) from error
    return listener


def address(listener: socket.socket) -> str:
    """What a person opens. 0.0.0.0 and :: are no addresses to open, so localhost stands there."""
    host, port = listener.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(settings: Settings, listener: socket.socket) -> None:
    """Serves until SIGTERM or SIGINT, then ends the process with status 0. Raises SettingsError
    without a secret key: workers couldn't say so."""
    secret_key(settings)
    logs.set_up(settings.log_level, cast(logs.Format, settings.log_format))
    with _shared_counts(settings.data / "metrics" / str(listener.getsockname()[1])):
        _Gunicorn(settings, listener).run()


@contextmanager
def _shared_counts(folder: Path) -> Iterator[None]:
    """Where workers count together (server/telemetry.py). Empty at the start: who was killed left
    its counts."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ[FOLDER_VARIABLE] = str(folder.resolve())
    owner = os.getpid()
    try:
        yield
    finally:
        # Workers leave through here as well.
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)


class _Gunicorn(BaseApplication):  # type: ignore[misc]
    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        self._settings = settings
        self._address = address(listener)
        self._fd = listener.detach()
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": f"fd://{self._fd}",
            "worker_class": "gthread",
            "workers": self._settings.workers,
            "threads": self._settings.threads,
            "graceful_timeout": GRACE_S,
            "loglevel": self._settings.log_level,
            "logger_class": logs.GunicornLog,
            "when_ready": self._announce,
            "worker_exit": _write_counts,
            "proc_name": "dva",
            # Its control socket lies in the home folder, one for all servers of this user.
            "control_socket_disable": True,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """In each worker, after the fork: database connections don't survive one."""
        return create_app(self._settings)

    def _announce(self, _arbiter: object) -> None:
        print(f"DVA is at {self._address}", flush=True)
        print("Ctrl-C stops it.", file=sys.stderr, flush=True)


def _write_counts(_server: object, worker: Any) -> None:
    """What a worker that is stopped has counted and not written yet."""
    extensions = getattr(getattr(worker, "wsgi", None), "extensions", {})
    for name in ("dva-problems", "dva-history"):
        if name in extensions:
            extensions[name].flush_now(now())
