"""The words of pages for everybody that the server makes, one catalogue a language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from flask import request

from server.pages.text.catalogue import Catalogue
from server.pages.text.en import ENGLISH
from server.pages.text.zh import CHINESE

__all__ = ["CATALOGUES", "Catalogue", "chosen", "duration"]

CATALOGUES: Mapping[str, Catalogue] = MappingProxyType({"en": ENGLISH, "zh": CHINESE})
"""By BCP 47 primary subtag, as webapp/ui/language.js has them."""
_SECONDS = (86_400, 3_600, 60)


def chosen() -> Catalogue:
    """The one asked for (`?lang=zh`), or the first of the browser's that is here."""
    asked = request.args.get("lang", "")
    preferred = [asked, *(tag for tag, _ in request.accept_languages)]
    primaries = (tag.lower().replace("_", "-").partition("-")[0] for tag in preferred)
    return next((CATALOGUES[each] for each in primaries if each in CATALOGUES), ENGLISH)


def duration(text: Catalogue, span: timedelta) -> str:
    """Roughly, for what is an estimate: 3 days, 5 hours, 12 minutes."""
    left = max(span.total_seconds(), 60.0)
    for seconds, (one, many) in zip(_SECONDS, (text.days, text.hours, text.minutes), strict=True):
        if left >= seconds:
            number = round(left / seconds)
            return (one if number == 1 else many).format(number=f"{number:,}")
    raise AssertionError("a minute is the least")
