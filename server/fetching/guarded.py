"""img2dataset behind a guard. Runs in an environment of its own (environment.py), as a script:

    python -I guarded.py TOLD.json    {"limits": ..., "options": ..., "spark": null or a master}

img2dataset downloads with urllib, and urllib asks the opener that was installed. Ours knows http
and https only, no proxy, and looks at every address that it connects to: of a redirect too, and
after the name was resolved, so that no name can mean one address here and another there. It bounds
what is read of a connection, in bytes and in seconds: img2dataset's own timeout starts again with
each byte.

Nothing but the standard library is imported at the top, and everything is in this one file: workers
of multiprocessing import it again, and Ray and Spark send its classes along because they are of
`__main__`.
"""

from __future__ import annotations

import functools
import http.client
import importlib
import ipaddress
import json
import math
import os
import signal
import socket
import ssl
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NOT_PUBLIC = "dva: no public address"
TOO_LARGE = "dva: too many bytes"
TOO_SLOW = "dva: too slow"
MAX_REDIRECTS = 5
HEADERS_ROOM = 64 << 10
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Of each connection; a redirect opens another one."""

    max_bytes: int
    max_seconds: float
    allow_private: bool


def is_public(text: str) -> bool:
    """Whether an address is somewhere on the internet, and not this machine, its network, or the
    cloud's metadata service. An IPv4 address inside an IPv6 one is looked at by itself."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address.teredo:
            inner = address.teredo[1]
        if address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return address.is_global and not address.is_multicast


class Bounds:
    """Of a socket: reads no more than so many bytes, and not after `deadline` (seconds,
    monotonic)."""

    deadline = math.inf
    left: float = math.inf

    def recv_into(self, *arguments: Any) -> int:
        if time.monotonic() > self.deadline:
            raise TimeoutError(TOO_SLOW)
        got: int = super().recv_into(*arguments)  # type: ignore[misc]
        self.left -= got
        if self.left < 0:
            raise OSError(TOO_LARGE)
        return got


class Bounded(Bounds, socket.socket):
    """A plain one."""


class BoundedTls(Bounds, ssl.SSLSocket):
    """Of the bytes that come out of TLS."""


def connect(host: str, port: int, timeout: float, limits: Limits) -> Bounded:
    """To the first of the host's addresses that may be used and answers. Raises OSError."""
    failure: OSError = OSError(f"no address for {host}")
    for family, kind, protocol, _, where in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if not limits.allow_private and not is_public(str(where[0])):
            failure = OSError(NOT_PUBLIC)
            continue
        sock = Bounded(family, kind, protocol)
        try:
            sock.settimeout(timeout)
            sock.connect(where)
        except OSError as error:
            sock.close()
            failure = error
            continue
        _bound(sock, limits)
        return sock
    raise failure


def _bound(sock: Bounded | BoundedTls, limits: Limits) -> None:
    sock.deadline = time.monotonic() + limits.max_seconds
    sock.left = limits.max_bytes + HEADERS_ROOM


class Plain(http.client.HTTPConnection):
    def __init__(self, limits: Limits, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._limits = limits

    def connect(self) -> None:
        self.sock = connect(self.host, self.port, self.timeout or 10.0, self._limits)


class Tls(http.client.HTTPSConnection):
    def __init__(self, limits: Limits, *arguments: Any, **options: Any) -> None:
        self._tls = ssl.create_default_context()
        self._tls.sslsocket_class = BoundedTls
        super().__init__(*arguments, context=self._tls, **options)
        self._limits = limits

    def connect(self) -> None:
        plain = connect(self.host, self.port, self.timeout or 10.0, self._limits)
        sock = self._tls.wrap_socket(plain, server_hostname=self.host)
        assert isinstance(sock, BoundedTls)
        _bound(sock, self._limits)
        self.sock = sock


class Http(urllib.request.HTTPHandler):
    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self._limits = limits

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(functools.partial(Plain, self._limits), req)


class Https(urllib.request.HTTPSHandler):
    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self._limits = limits

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(functools.partial(Tls, self._limits), req)


class Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = MAX_REDIRECTS


def opener(limits: Limits) -> urllib.request.OpenerDirector:
    """http and https, and nothing else that urllib could open: no file, ftp, data or proxy."""
    made = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.UnknownHandler(),
        Http(limits),
        Https(limits),
        urllib.request.HTTPDefaultErrorHandler(),
        Redirects(),
        urllib.request.HTTPErrorProcessor(),
    ):
        made.add_handler(handler)
    return made


class Guarded:
    """img2dataset's Downloader, which its distributors call with a shard in some worker."""

    def __init__(self, limits: Limits, **arguments: Any) -> None:
        self._limits, self._arguments = limits, arguments

    def __call__(self, row: Any) -> Any:
        from img2dataset.downloader import Downloader

        urllib.request.install_opener(opener(self._limits))
        return Downloader(**self._arguments)(row)


def end_with_parent() -> None:
    """Whoever started this holds the other end of stdin: when they are gone, so is all of this."""
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    told = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    threading.Thread(target=end_with_parent, daemon=True).start()
    # The package has a function of that name, too.
    img2dataset = importlib.import_module("img2dataset.main")
    if told["spark"]:
        from pyspark.sql import SparkSession

        SparkSession.builder.master(told["spark"]).appName("dva-fetch").getOrCreate()
    vars(img2dataset)["Downloader"] = functools.partial(Guarded, Limits(**told["limits"]))
    img2dataset.download(**told["options"])


if __name__ == "__main__":
    main()
