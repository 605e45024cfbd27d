"""Which results a table is made of."""

from __future__ import annotations

from typing import Literal

Standing = Literal["all", "confirmed", "pending"]
"""`all` is those two, never what was rejected or revoked."""
