"""An operator's browser without a browser: cookies, forms, no script."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from server.admin import log
from server.db import Database

NAME, PASSWORD = "alice", "correct horse battery"


class Operator:
    def __init__(
        self, app: Flask, *, address: str = "192.0.2.7", scheme: str = "http", browser: str = ""
    ) -> None:
        self._client = app.test_client()
        self._request: dict[str, Any] = {
            "environ_base": {"REMOTE_ADDR": address, "HTTP_USER_AGENT": browser},
            "base_url": f"{scheme}://localhost",
        }

    def get(self, path: str = "/admin") -> TestResponse:
        return self._client.get(path, **self._request)

    def post(self, path: str, **fields: str) -> TestResponse:
        return self._client.post(path, data=fields, **self._request)

    def ask(self, method: str, path: str, **options: Any) -> TestResponse:
        """Whatever else a browser, or somebody who isn't one, may send."""
        return self._client.open(path, method=method, **self._request, **options)

    def act(self, path: str, **fields: str) -> TestResponse:
        """By a form of the overview's."""
        return self.post(path, token=self.form("/admin"), **fields)

    def form(self, path: str = "/admin/sign-in") -> str:
        found = re.search(r'name="token" value="([^"]+)"', self.get(path).text)
        assert found
        return found[1]

    def sign_in(self, name: str = NAME, password: str = PASSWORD) -> TestResponse:
        return self.post("/admin/sign-in", name=name, password=password, token=self.form())

    def sign_out(self) -> TestResponse:
        return self.post("/admin/sign-out", token=self.form("/admin"))

    @property
    def is_signed_in(self) -> bool:
        return self.get().status_code == 200

    def cookie(self) -> str | None:
        found = self._client.get_cookie("dva-admin", path="/admin")
        return found.value if found else None

    def put_cookie(self, value: str) -> None:
        self._client.set_cookie("dva-admin", value, path="/admin")


def said(operator: Operator, path: str, **fields: str) -> str:
    """What the next page says of an action, once."""
    answer = operator.act(path, **fields)
    assert answer.status_code == 303, answer.text
    where = answer.headers["Location"]
    [message] = re.findall(r'role="status"[^>]*>([^<]*)<', operator.get(where).text)
    assert 'role="status"' not in operator.get(where).text
    return message


def logged(database: Database) -> list[tuple[str, str, Mapping[str, Any]]]:
    """What, to what, and the detail; the newest first, without signing in."""
    with database.read() as session:
        found = log.entries(session)
    return [(e.action, e.subject, e.detail) for e in found if e.action != "signed in"]
