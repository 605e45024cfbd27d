"""What every answer carries, and what no request may pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from dva_agent.protocol import MAX_UNIT_PAIRS, PROTOCOL, PROTOCOL_HEADER
from flask import Flask, Response, request

from server.config import Settings
from server.refusals import ProtocolOutdated
from server.refusing import is_api

RESULT_BYTES_PER_PAIR = 5
MAX_BODY = 16_384 + 4 * -(-RESULT_BYTES_PER_PAIR * MAX_UNIT_PAIRS // 3)
"""The largest result in base64, and room for its other fields."""

_POLICY = {
    "default-src": "'none'",
    # Pyodide and onnxruntime-web compile WebAssembly; neither needs JavaScript's eval.
    "script-src": "'self' 'wasm-unsafe-eval'",
    "worker-src": "'self'",
    "img-src": "'self'",
    "style-src": "'self'",
    "font-src": "'self'",
    "manifest-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
_UNUSED_FEATURES = (
    "accelerometer",
    "autoplay",
    "camera",
    "display-capture",
    "encrypted-media",
    "fullscreen",
    "geolocation",
    "gyroscope",
    "hid",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "publickey-credentials-get",
    "serial",
    "usb",
    "xr-spatial-tracking",
)
_ADMIN_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self'",
    "style-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
"""The operator's pages run the server's own files, nothing inline and no eval, and post their own
forms."""
_ADMIN = "/admin"
_CONNECTING = ("text/html", "text/javascript")
"""Pages and Workers: what connects anywhere."""


def _line(policy: Mapping[str, str]) -> str:
    return "; ".join(f"{name} {value}" for name, value in policy.items())


@lru_cache(maxsize=8)
def page_policy(others: str = "") -> str:
    """The page's, and what it is made of. `others`: origins that serve models and shards."""
    return _line({**_POLICY, "connect-src": f"'self' {others}".rstrip()})


def others(settings: Settings, buckets: str) -> str:
    """Origins that the page may connect to beside its own: the mirror's, and those of buckets."""
    return f"{settings.mirror_origin} {buckets}".strip()


ADMIN_POLICY = _line(_ADMIN_POLICY)
HEADERS = {
    "Content-Security-Policy": page_policy(),
    # Both together give the tab shared memory, hence threads in WebAssembly.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _UNUSED_FEATURES),
}


def init_app(app: Flask, settings: Settings, buckets: Callable[[], str]) -> None:
    """`buckets`: the origins that shards come from just now."""
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.before_request(_check_protocol)

    @app.after_request
    def harden(response: Response) -> Response:
        own = response.headers.get("Content-Security-Policy")
        for name, value in HEADERS.items():
            response.headers[name] = value
        if own:
            # A view's own is a stricter one, such as for pictures from the web.
            response.headers["Content-Security-Policy"] = own
        elif request.path == _ADMIN or request.path.startswith(_ADMIN + "/"):
            response.headers["Content-Security-Policy"] = ADMIN_POLICY
        elif response.mimetype in _CONNECTING:
            connects = others(settings, buckets())
            response.headers["Content-Security-Policy"] = page_policy(connects)
        return response


def _check_protocol() -> None:
    spoken = request.headers.get(PROTOCOL_HEADER)
    if is_api(request.path) and spoken is not None and spoken.strip() != str(PROTOCOL):
        raise ProtocolOutdated(f"This server speaks protocol {PROTOCOL}, not {spoken[:20]!r}.")
