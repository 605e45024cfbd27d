"""The pages that every page below /admin leads to, in their order."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from flask import current_app, request, url_for

from server.admin.roles import OPERATOR, VIEWER, Role


class Place(NamedTuple):
    label: str
    endpoint: str
    least: Role = VIEWER

    @property
    def blueprint(self) -> str:
        return self.endpoint.partition(".")[0]


PLACES = (
    Place("Overview", "admin.index"),
    Place("Pools", "admin.pools_page"),
    Place("Contributors", "admin.contributors_page"),
    Place("Devices", "admin.devices_page"),
    Place("Bundles", "admin.bundles_page"),
    Place("Reports", "admin.reports_page"),
    Place("Selections", "workbench.index", OPERATOR),
    Place("Economics", "admin.economics_page"),
    Place("Log", "admin.log_page", OPERATOR),
    Place("Sessions", "admin.sessions_page"),
)


class Link(NamedTuple):
    label: str
    address: str
    current: bool


def links(may: Callable[[Role], bool]) -> list[Link]:
    """Those that this server has, and that who asks may see."""
    return [
        Link(place.label, address, _is_current(place, address))
        for place in PLACES
        if place.endpoint in current_app.view_functions and may(place.least)
        for address in [url_for(place.endpoint)]
    ]


def _is_current(place: Place, address: str) -> bool:
    """The page itself, or one below it; below the overview is everything. A blueprint with one
    place has all its pages there, wherever they lie: a workbench lies below its pool."""
    served = [each for each in PLACES if each.blueprint == request.blueprint]
    if len(served) == 1:
        return place == served[0]
    inside = request.path.startswith(address + "/") and address != url_for("admin.index")
    return request.path == address or inside
