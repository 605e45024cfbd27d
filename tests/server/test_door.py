from __future__ import annotations

import dataclasses

import pytest
from dva_agent.origin import origin_of
from flask import Flask

from server import create_app
from server.config import Settings
from server.contributors.door import is_local, origins_of
from server.db import Database
from server.errors import SettingsError
from server.refusals import OriginUnknown
from tests.keys import Keys
from tests.server.api import Api, problem

HERE = "https://dva.example.org"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("HTTPS://DVA.example.org:443/a?b#c", HERE),
        ("http://localhost:80/", "http://localhost"),
        ("https://dva.example.org:80", "https://dva.example.org:80"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
    ],
)
def test_an_origin_is_written_as_browsers_do(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize("url", ["", "dva.example.org", "http://", "ftp://a", "http://a:x", "//a"])
def test_what_has_no_origin(url: str) -> None:
    with pytest.raises(ValueError):
        origin_of(url)


def test_settings_say_where_a_server_is() -> None:
    own = ("https://a.example", "https://b.example")
    assert origins_of(own, "http://127.0.0.1:8000") == own


@pytest.mark.parametrize(
    "name", ["localhost:8000", "127.0.0.1", "192.168.1.7:8000", "[fe80::1]", "dva", "dva.local"]
)
def test_without_them_a_local_name_is_believed(name: str) -> None:
    assert origins_of((), f"http://{name}/") == (f"http://{name}",)


@pytest.mark.parametrize("name", ["dva.example.org", "8.8.8.8", "[2a00::1]", "local.example"])
def test_and_a_public_one_is_not(name: str) -> None:
    assert not is_local(f"http://{name}")
    with pytest.raises(OriginUnknown):
        origins_of((), f"http://{name}/")


@pytest.mark.parametrize("origins", ["dva.example.org", f"{HERE}/", f"{HERE}/dva", "https://a:443"])
def test_a_setting_that_no_browser_would_say(origins: str) -> None:
    with pytest.raises(SettingsError):
        Settings(origins=origins)


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_server_is_where_its_settings_say_whatever_it_is_asked_as(
    app: Flask, settings: Settings, database: Database
) -> None:
    named = create_app(dataclasses.replace(settings, origins=f"http://b.example {HERE}"), database)
    api, keys = Api(app), Keys()
    there = named.test_client()
    for origin, status in ((HERE, 201), ("http://localhost", 422)):
        asked = keys.registration(api.challenge(), origin)
        api.client = there
        answer = api.post("/devices", asked, token=None)
        assert answer.status_code == status, answer.text
    problem(answer, 422, "signature_invalid")
