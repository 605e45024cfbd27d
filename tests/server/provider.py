"""A small OpenID Connect provider on loopback: real HTTP, real keys, really signed tokens. What it
gets wrong on purpose, a test says."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwk, jwt

CLIENT, SECRET = "dva", "s" * 20
DISCOVERY = "/.well-known/openid-configuration"


@cache
def made_key(name: str) -> jwk.RSAKey:
    """Once for all tests: it takes longer than what is tested with it."""
    return jwk.RSAKey.generate_key(2048, {"kid": name, "use": "sig"})


@dataclass
class Provider:
    """`person`: claims of whoever signs in next. `wrong`: claims that every token has instead.
    `signer`: another key than the published one. `is_away`: it answers with 503."""

    origin: str = ""
    person: dict[str, Any] = field(default_factory=dict)
    wrong: dict[str, Any] = field(default_factory=dict)
    signer: jwk.RSAKey | None = None
    key: jwk.RSAKey = field(default_factory=lambda: made_key("one"))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """The paths of what was asked for without a person: descriptions and keys."""
    tokens_asked: int = 0
    is_away: bool = False

    def change_key(self) -> None:
        self.key = made_key("two")

    def let_in(self, where: str) -> str:
        """What a person does there: they sign in, and are sent back. Returns that address."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(where).query).items()}
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?code={code}&state={asked['state']}"

    def token(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """None: refused. A code is good once, and for who can show what its challenge is of."""
        self.tokens_asked += 1
        asked = self.codes.pop(form.get("code", ""), None)
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if asked is None or authorization != f"Basic {basic}":
            return None
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        shown = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if shown != asked["code_challenge"] or form["redirect_uri"] != asked["redirect_uri"]:
            return None
        claims = {
            "iss": self.origin,
            "aud": CLIENT,
            "sub": "1",
            "iat": int(time()),
            "exp": int(time()) + 300,
            "nonce": asked["nonce"],
            **self.person,
            **self.wrong,
        }
        signed = jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.signer or self.key)
        return {"access_token": "a", "token_type": "Bearer", "id_token": signed}


@contextmanager
def providing() -> Iterator[Provider]:
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/authorization_endpoint?"):
                self._page(provider.let_in(self.path))
                return
            provider.asked.append(self.path)
            if provider.is_away:
                self._answer({}, 503)
            elif self.path == DISCOVERY:
                names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
                pages = {name: f"{provider.origin}/{name}" for name in names}
                self._answer({"issuer": provider.origin, **pages})
            elif self.path == "/jwks_uri":
                self._answer({"keys": [provider.key.as_dict(private=False)]})
            else:
                self._answer({}, 404)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            token = provider.token(form, self.headers.get("Authorization", ""))
            self._answer(token or {"error": "invalid_grant"}, 200 if token else 400)

        def _page(self, back: str) -> None:
            """Where a browser gets to: a person goes on by a link."""
            page = f'<!doctype html><title>Provider</title><a href="{escape(back)}">It is me</a>'
            self._send(page.encode(), "text/html")

        def _answer(self, body: dict[str, Any], status: int = 200) -> None:
            self._send(json.dumps(body).encode(), "application/json", status)

        def _send(self, data: bytes, kind: str, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.origin = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
