"""Icons: one sprite file, drawn inline so that no page needs a second request."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from django.contrib.staticfiles import finders
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

_SYMBOL = re.compile(r'<symbol id="(?P<name>[\w-]+)" viewBox="0 0 24 24">(?P<body>.*?)</symbol>')


class UnknownIcon(LookupError):
    """The sprite holds no symbol of that name."""


@cache
def symbols() -> dict[str, str]:
    """Name → inner markup of every symbol in `img/icons.svg`.

    Raises:
        UnknownIcon: the sprite is not among the static files.
    """
    found = finders.find("img/icons.svg")
    if not found:
        raise UnknownIcon("static file img/icons.svg is missing")
    text = Path(found).read_text(encoding="utf-8")
    return {match["name"]: match["body"] for match in _SYMBOL.finditer(text)}


def svg(name: str, *, css: str = "", label: str = "") -> SafeString:
    """One icon as inline SVG; silent to screen readers unless `label` names it.

    Raises:
        UnknownIcon: no symbol of that name; the message lists the nearest fix.
    """
    try:
        body = symbols()[name]
    except KeyError:
        raise UnknownIcon(f"no icon {name!r} in static/img/icons.svg; add a symbol") from None
    spoken = format_html('role="img" aria-label="{}"', label) if label else 'aria-hidden="true"'
    return format_html(
        '<svg class="icon{}" width="16" height="16" viewBox="0 0 24 24" {}>{}</svg>',
        f" {css}" if css else "",
        mark_safe(spoken),  # noqa: S308 -- escaped above
        mark_safe(body),  # noqa: S308 -- our own sprite file
    )
