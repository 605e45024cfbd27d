"""The pages below /admin: importing them adds them to the blueprint."""

from __future__ import annotations

from server.workbench import acting, looking
from server.workbench.blueprint import blueprint

__all__ = ["acting", "blueprint", "looking"]
