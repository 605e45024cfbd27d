"""What a browser is called: pure. Of what it says of itself only that is kept."""

from __future__ import annotations

import re

UNKNOWN = "unknown"
_BROWSERS = (
    (re.compile(r"\bEdgA?/(\d{1,4})"), "Edge"),
    (re.compile(r"\bOPR/(\d{1,4})"), "Opera"),
    (re.compile(r"\b(?:Firefox|FxiOS)/(\d{1,4})"), "Firefox"),
    (re.compile(r"\b(?:Chrome|CriOS|HeadlessChrome)/(\d{1,4})"), "Chrome"),
    (re.compile(r"\bVersion/(\d{1,4})[\d.]* (?:Mobile/\w+ )?Safari/"), "Safari"),
)
"""In this order: each after those that also call themselves by its name."""
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)
_LONGEST = 1000


def browser_name(user_agent: str) -> str:
    """Such as "Firefox 133 on Linux"; UNKNOWN for what it doesn't know."""
    told = user_agent[:_LONGEST]
    systems = (name for sign, name in _SYSTEMS if sign in told)
    for pattern, name in _BROWSERS:
        if found := pattern.search(told):
            return f"{name} {found[1]} on {next(systems, UNKNOWN)}"
    return UNKNOWN
