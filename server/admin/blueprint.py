"""What every page below /admin belongs to, unless a domain has a guarded blueprint of its own."""

from __future__ import annotations

from flask import Blueprint

from server.admin import door

blueprint = Blueprint("admin", __name__, url_prefix="/admin", template_folder="templates")
door.guard(blueprint)
