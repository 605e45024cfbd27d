"""Checks of the machine: interpreter, packages, disk, clock, limits, address."""

from __future__ import annotations

import ipaddress
import resource
import socket
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from importlib import metadata
from pathlib import Path

import msgspec
from dva_agent.protocol import ROOT, ServerStatus, decode
from packaging.requirements import InvalidRequirement, Requirement

from server.doctor.finding import Finding, ok, problem, some, warning

PYTHON = (3, 11)
DISK_LEAST = 200_000_000
DISK_ENOUGH = 2_000_000_000
FILES_LEAST = 256
FILES_ENOUGH = 1024
SKEW = timedelta(minutes=5)
ANSWER_S = 2.0


def python(version: tuple[int, ...] = tuple(sys.version_info[:3])) -> Finding:
    name = ".".join(map(str, version))
    if version[:2] < PYTHON:
        return problem("python", f"This is Python {name}.", "Install 3.11 or newer; make clean.")
    return ok("python", f"Python {name}")


def packages(lock: Path, installed: Callable[[str], str] = metadata.version) -> Finding:
    """Compares what is installed with the lock file, as far as its markers are for this machine."""
    if not lock.is_file():
        return warning("packages", f"{lock.name} isn't there to compare with.", "Use a checkout.")
    missing, other, count = [], [], 0
    for wanted in _locked(lock.read_text(encoding="utf-8").splitlines()):
        count += 1
        try:
            found = installed(wanted.name)
        except metadata.PackageNotFoundError:
            missing.append(wanted.name)
            continue
        if not wanted.specifier.contains(found, prereleases=True):
            other.append(f"{wanted.name} {found} ({wanted.specifier} is locked)")
    if missing or other:
        says = f"{len(missing)} missing, {len(other)} of another version: {some(missing + other)}."
        return problem("packages", says, "Run: make setup (after rm -r build/stamps)")
    return ok("packages", f"{count} packages, all at their locked versions")


def _locked(lines: Iterable[str]) -> Iterable[Requirement]:
    for line in lines:
        text = line.rstrip("\\ ").strip()
        if not text or text.startswith(("#", "-")):
            continue
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            continue
        if wanted.marker is None or wanted.marker.evaluate():
            yield wanted


def disk(free: int, where: Path) -> Finding:
    """`free`: bytes."""
    said = f"{free / 1e9:.1f} GB free at {where}"
    if free < DISK_LEAST:
        return problem("disk", f"Only {said}.", "Make room: a full disk stops the database.")
    if free < DISK_ENOUGH:
        return warning("disk", f"Only {said}.", "Make room before ingesting or long runs.")
    return ok("disk", said)


def clock(at: datetime, newest: datetime | None) -> Finding:
    """`newest`: the latest time that is known to have been, in the past."""
    if newest is not None and at + SKEW < newest:
        return problem(
            "clock",
            f"This machine says {at:%Y-%m-%d %H:%M} UTC, but {newest:%Y-%m-%d %H:%M} has been.",
            "Set the clock (timedatectl set-ntp true): leases end by it.",
        )
    return ok("clock", f"{at:%Y-%m-%d %H:%M} UTC")


def newest_of(files: Iterable[Path]) -> datetime | None:
    times = [path.stat().st_mtime for path in files if path.is_file()]
    return datetime.fromtimestamp(max(times), UTC) if times else None


def open_files(limit: int | None = None) -> Finding:
    """`limit`: how many a process may have open; each connection takes one, each answer from a file
    another."""
    found = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if limit is None else limit
    if found == resource.RLIM_INFINITY or found >= FILES_ENOUGH:
        return ok("open-files", "unlimited" if found == resource.RLIM_INFINITY else f"{found:,}")
    says = f"A process may have {found} files open."
    do = "ulimit -n 4096, or LimitNOFILE=4096 in the systemd unit."
    return (
        problem("open-files", says, do) if found < FILES_LEAST else warning("open-files", says, do)
    )


def secure_context(host: str, proxies: int) -> Finding:
    """Whether the page would get WebGPU at this address."""
    if proxies:
        return ok("secure-context", "a proxy is told of; the page needs https:// at its address")
    if host == "localhost" or _is_loopback(host):
        return ok("secure-context", f"http://{host} is one for browsers on this machine")
    return warning(
        "secure-context",
        f"Other machines would get http:// from {host}: no WebGPU, no threads.",
        "Put a proxy with a certificate in front: docs/operations.md, HTTPS.",
    )


def origins(own: tuple[str, ...], proxies: int) -> Finding:
    """Whether people can come in under the name that they see."""
    if own:
        return ok("origins", f"people come in at {', '.join(own)}")
    if proxies:
        return warning(
            "origins",
            "DVA_ORIGINS isn't set: under a public name nobody can come in.",
            "Set it to what people have in the address bar, such as https://dva.example.org.",
        )
    return ok("origins", "people come in under any name of this machine or its own network")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def port(host: str, number: int) -> Finding:
    """Whether the address can be had, or is DVA's already."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, number))
        except OSError as error:
            if _is_dva(host, number):
                return ok("port", f"DVA is serving on {host} port {number}")
            return problem(
                "port",
                f"{host} port {number}: {error.strerror}.",
                "Stop what uses it, or --port N.",
            )
    return ok("port", f"{host} port {number} is free")


def _is_dva(host: str, number: int) -> bool:
    connection = HTTPConnection(host, number, timeout=ANSWER_S)
    try:
        connection.request("GET", ROOT + "/status")
        return decode(connection.getresponse().read(), ServerStatus).service == "dva"
    except (OSError, HTTPException, msgspec.MsgspecError, ValueError):
        return False
    finally:
        connection.close()
