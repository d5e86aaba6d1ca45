"""A browser as a person knows it, from what it says of itself."""

from __future__ import annotations

import re
from typing import Final

# The first that fits: others claim to be Chrome, Chrome claims to be Safari.
_BROWSERS: Final = (
    ("Edge", r"Edg(?:e|A|iOS)?/(\d+)"),
    ("Opera", r"OPR/(\d+)"),
    ("Samsung Internet", r"SamsungBrowser/(\d+)"),
    ("Firefox", r"(?:Firefox|FxiOS)/(\d+)"),
    ("Chrome", r"(?:HeadlessChrome|Chrome|CriOS)/(\d+)"),
    ("Safari", r"Version/(\d++)[\d.]*+ (?:Mobile/\S++ )?Safari/"),
    ("curl", r"^curl/(\d+)"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("ChromeOS", "CrOS"),
    ("macOS", "Macintosh"),
    ("Linux", "Linux"),
)


def in_words(user_agent: str) -> str:
    """`Chrome 141 on Windows`; what it says of itself where that names no browser we know.

    It is what the browser claims, good for recognising one's own sessions and for nothing else.
    """
    found = ((name, re.search(pattern, user_agent)) for name, pattern in _BROWSERS)
    browser = next((f"{name} {said[1]}" for name, said in found if said), "")
    system = next((name for name, mark in _SYSTEMS if mark in user_agent), "")
    if not browser:
        return user_agent[:90] or "unknown browser"
    return f"{browser} on {system}" if system else browser
