"""The messages about whether a device is ready for a bundle: as dva_agent.protocol's others."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from dva_agent.protocol import Count, Hash, Label, Message, Rung

MAX_GOLDEN_PAIRS = 4096

Browser = Literal["chromium", "firefox", "safari", "other", "none"]
"""chromium: and those made of it. none: a terminal."""


class SelfTest(Message, frozen=True, kw_only=True):
    """POST /selftests: what the golden pairs of a bundle came to on one rung of this device."""

    bundle: Hash
    rung: Rung
    device_class: Label
    """As results from it will say."""
    browser: Browser
    sound: bool
    """False: something else than the scores was wrong: ids, pixels, embeddings."""
    scores: Annotated[bytes, Meta(max_length=4 * MAX_GOLDEN_PAIRS)]
    """float32 x golden pairs, in their order; empty if it didn't come to any."""


class SelfTestVerdict(Message, frozen=True, kw_only=True):
    """200 to a SelfTest. Passed: units of this bundle may be leased, and posted from this rung."""

    passed: bool
    expires_in_s: Annotated[float, Meta(ge=0)]


class SelfTestRate(Message, frozen=True, kw_only=True):
    """How the latest self-tests of one kind of device came out."""

    card: str
    """Maker and line of the graphics card, or processor, software, other."""
    browser: str
    rung: str
    devices: Count
    tests: Count
    """At most one for each of the devices and each bundle."""
    passed: Count


class SelfTestRates(Message, frozen=True, kw_only=True):
    """GET /selftests: answers without sign-in."""

    least_devices: Count
    """Kinds of fewer devices are left out."""
    rates: list[SelfTestRate]
