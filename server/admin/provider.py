"""What this process knows of the organisation's provider: its description of itself and its keys.
Asked for when somebody signs in, and not at each sign-in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from server.config import Settings
from server.db import now
from server.errors import ProviderAway, SignInFailed

KEPT = timedelta(hours=1)
"""How old a description or a set of keys may be."""
AWAY = timedelta(seconds=5)
"""A provider that didn't answer isn't asked again for so long: whoever comes meanwhile is told at
once, and takes no thread for as long as a connection may take."""
TIMEOUT_S = 10.0
_DISCOVERY = "/.well-known/openid-configuration"
_NAMES = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")


class Provider:
    """Of one process. `client`, where it is asked for: one of Authlib's."""

    def __init__(self, settings: Settings, *, clock: Callable[[], datetime] = now) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._description: tuple[datetime, Mapping[str, str]] | None = None
        self._keys: tuple[datetime, Any] | None = None
        self._away_since: datetime | None = None

    def described(self, client: Any) -> Mapping[str, str]:
        """Its own description. One that says it is somebody else isn't believed. Raises
        ProviderAway, SignInFailed."""
        with self._lock:
            return self._described(client)

    def keys(self, client: Any, *, anew: bool = False) -> Any:
        """With which it signs. `anew`: those that are known won't do. Raises ProviderAway,
        SignInFailed."""
        with self._lock:
            if anew or self._keys is None or self._is_old(self._keys[0]):
                found = self._asked(client, self._described(client)["jwks_uri"])
                self._keys = self._clock(), found
            return self._keys[1]

    def forget(self) -> None:
        """After what can't be explained: it may have moved."""
        with self._lock:
            self._description = self._keys = None

    def _described(self, client: Any) -> Mapping[str, str]:
        if self._description is None or self._is_old(self._description[0]):
            self._description = None
            found = self._asked(client, self._settings.oidc_issuer.rstrip("/") + _DISCOVERY)
            try:
                described = {name: str(found[name]) for name in _NAMES}
            except (KeyError, TypeError) as error:
                raise self._is_away() from error
            if described["issuer"] != self._settings.oidc_issuer:
                raise SignInFailed(
                    "The provider isn't the one that is set.",
                    next_step="Ask whoever runs this server.",
                )
            self._description = self._clock(), described
        return self._description[1]

    def _asked(self, client: Any, address: str) -> Any:
        if self._away_since is not None and self._clock() - self._away_since < AWAY:
            raise ProviderAway(AWAY_SENTENCE)
        try:
            answer = client.request("GET", address, withhold_token=True)
            answer.raise_for_status()
            found = answer.json()
        except transport_errors() as error:
            raise self._is_away() from error
        except ValueError as error:
            raise self._is_away() from error
        self._away_since = None
        return found

    def _is_away(self) -> ProviderAway:
        self._away_since = self._clock()
        return ProviderAway(AWAY_SENTENCE)

    def _is_old(self, at: datetime) -> bool:
        return self._clock() - at >= KEPT


AWAY_SENTENCE = "Your organisation's sign-in can't be reached at the moment."


def transport_errors() -> tuple[type[Exception], ...]:
    """Of Authlib's client, which is of httpx2 where that is installed, and of httpx elsewhere."""
    clients = [name for name in ("httpx2", "httpx") if find_spec(name) is not None]
    return tuple(import_module(name).HTTPError for name in clients)
