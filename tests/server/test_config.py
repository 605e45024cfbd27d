"""Settings: from the environment, then options; refused at the start, never later."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from server.config import Settings, read_settings
from server.errors import SettingsError

DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"


def test_the_default_is_sqlite_in_the_data_folder(tmp_path: Path) -> None:
    settings = read_settings({}, data=tmp_path)
    assert settings.database_url == f"sqlite:///{tmp_path / 'dva.db'}"
    assert (settings.unit_pairs, settings.lease_seconds, settings.leases_per_device) == (
        256,
        600,
        8,
    )


def test_options_go_before_the_environment() -> None:
    environment = {"DVA_DATA": "a", "DVA_THREADS": "3", "DVA_LEASE_SECONDS": "1.5", "OTHER": "x"}
    settings = read_settings(environment, data=Path("b"), database=None)
    assert (settings.data, settings.threads, settings.lease_seconds) == (Path("b"), 3, 1.5)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_way_to_say_postgresql(scheme: str) -> None:
    settings = read_settings({"DVA_DATABASE": f"{scheme}://user@host/name"})
    assert settings.database_url == "postgresql+psycopg://user@host/name"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("UNIT_PAIRS", "0"),
        ("UNIT_PAIRS", "4097"),
        ("UNIT_PAIRS", "many"),
        ("LEASE_SECONDS", "0.5"),
        ("LEASE_SECONDS", "nan"),
        ("LEASE_MAX_SECONDS", "10"),
        ("LEASES_PER_DEVICE", "9"),
        ("WORKERS", "0"),
        ("THREADS", "1.5"),
        ("LOG_LEVEL", "loud"),
        ("SECRET_KEY", "short"),
        ("PROXIES", "-1"),
        ("DATABASE", "mysql://host/name"),
        ("DATABASE", "oracle+nothing://x"),
        ("DATABASE", "nonsense"),
        ("OIDC_ISSUER", "http://localhost.example.org"),
        ("OIDC_ISSUER", "http://127.0.0.1@login.example.org"),
        ("MODEL_MIRROR", "models.example.org"),
        ("MODEL_MIRROR", "https://models.example.org; script-src *"),
        ("MODEL_MIRROR", "https://models.example.org/a?b"),
        ("MODEL_MIRROR", "https://alice:secret@models.example.org/"),
        ("MODEL_MIRROR", "file:///srv/models"),
        ("MODEL_MIRROR", "https://models.example.org/\n"),
    ],
)
def test_values_that_cant_be_used(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({f"DVA_{name}": value})
    assert caught.value.code == "setting_invalid"


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("", ""),
        ("https://models.example.org", "https://models.example.org"),
        ("https://models.example.org:8443/dva/v1/", "https://models.example.org:8443"),
        ("http://[::1]:9000/dva", "http://[::1]:9000"),
    ],
)
def test_the_origin_of_a_mirror(address: str, origin: str) -> None:
    assert Settings(model_mirror=address).mirror_origin == origin


def test_the_document_lists_every_setting_with_its_default() -> None:
    rows = re.findall(r"^\| `DVA_(\w+)` \| ([^|]*) \|", DOCUMENT.read_text(), re.MULTILINE)
    told = {name.lower(): default.strip().strip("`") for name, default in rows}
    assert set(told) == {field.name for field in dataclasses.fields(Settings)}
    for field in dataclasses.fields(Settings):
        if field.name not in (
            "auditor_price",
            "database",
            "metrics_token",
            "model_mirror",
            "oidc_client_id",
            "oidc_client_secret",
            "oidc_issuer",
            "oidc_roles",
            "origins",
            "secret_key",
            "static",
            "traffic_price",
        ):
            kind: Any = type(field.default)
            assert kind(told[field.name]) == field.default
