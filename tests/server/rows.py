"""Rows of contributors and devices, for tests that begin behind the API."""

from __future__ import annotations

from datetime import datetime

from server.contributors.models import Contributor, Device
from server.contributors.registration import contributor_id
from tests.keys import Keys


def device_row(name: str, at: datetime, keys: Keys | None = None) -> Device:
    """A device, and its contributor with it."""
    mine = (keys or Keys()).identity
    return Device(
        id=name,
        contributor=Contributor(
            id=contributor_id(mine.account_key),
            public_key=mine.account_key,
            state="active",
            created_at=at,
        ),
        key_algorithm=mine.key_algorithm,
        public_key=mine.device_key,
        certificate=mine.certificate,
        state="active",
        platform="native",
        device_class="x",
        agent_version="1",
        created_at=at,
        last_seen_at=at,
    )
