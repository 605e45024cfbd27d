"""A server's origin: what a person sees of its address, and what they sign is meant for."""

from __future__ import annotations

from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> str:
    """Scheme, host and port as a browser's `location.origin` has them: in lower case, without the
    port that goes without saying. Raises ValueError where there is none."""
    parts = urlsplit(url)
    host, port = parts.hostname, parts.port
    if parts.scheme not in _PORTS or not host or not host.isascii():
        raise ValueError(f"{url!r} has no origin.")
    name = f"[{host}]" if ":" in host else host
    shown = "" if port is None or port == _PORTS[parts.scheme] else f":{port}"
    return f"{parts.scheme}://{name}{shown}"
