"""The keys of the tab, as Python sees them: the private one stays in WebCrypto. Imported only under
Pyodide."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct
from pyodide.ffi import to_js

from dva_agent.protocol import AccountKey, DeviceKey, KeyAlgorithm, Signature


class _Described(Struct, frozen=True, kw_only=True, rename="camel"):
    account_key: AccountKey
    key_algorithm: KeyAlgorithm
    device_key: DeviceKey
    certificate: Signature


class BrowserIdentity:
    """webapp/engine/signer.js as an `identity.Identity`."""

    def __init__(self, js: Any) -> None:
        self._js = js
        self._described = msgspec.json.decode(str(js.describe()), type=_Described)

    @property
    def account_key(self) -> bytes:
        return self._described.account_key

    @property
    def key_algorithm(self) -> KeyAlgorithm:
        return self._described.key_algorithm

    @property
    def device_key(self) -> bytes:
        return self._described.device_key

    @property
    def certificate(self) -> bytes:
        return self._described.certificate

    async def sign(self, statement: bytes) -> bytes:
        """64 bytes, by the device's key."""
        return bytes((await self._js.sign(to_js(statement))).to_bytes())
