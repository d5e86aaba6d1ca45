"""Pages of enforcement (DESIGN 2.3)."""

from __future__ import annotations

import re

from django.urls import path, register_converter

from enforcement.kinds import KINDS
from portal.enforcement_pages import views


class KindConverter:
    """Kinds that can be decided about; anything else is not a page."""

    regex = "|".join(KINDS)

    def to_python(self, value: str) -> str:
        """As it is."""
        return value

    def to_url(self, value: str) -> str:
        """As it is."""
        return value


class NameConverter(KindConverter):
    """Any name, with slashes (`@codex/shell`) and line breaks; never longer than we keep.

    A browser takes `..` between slashes for the folder above, `%2E%2E` as well, and asks for
    another page (URL Standard, double-dot path segment). So dots that are all of a segment are
    escaped once more than the rest of an address.
    """

    regex = r"[\s\S]{1,300}?"

    def to_python(self, value: str) -> str:
        """The name."""
        return _ESCAPED.sub(lambda found: _DOT.sub(_unescaped, found[0]), value)

    def to_url(self, value: str) -> str:
        """The name, with `%2E` for a dot that is all of a segment."""
        return _DOTS.sub(lambda found: _DOT.sub(_escaped, found[0]), value)


_DOT = re.compile(r"\.|%(?:25)*2E", re.IGNORECASE)
_DOTS = re.compile(r"(?:(?<=/)|\A)(?:\.|%(?:25)*2E){1,2}(?=/|\Z)", re.IGNORECASE)
_ESCAPED = re.compile(r"(?:(?<=/)|\A)(?:%(?:25)*2E){1,2}(?=/|\Z)", re.IGNORECASE)


def _escaped(dot: re.Match[str]) -> str:
    return "%2E" if dot[0] == "." else f"%25{dot[0][1:]}"


def _unescaped(dot: re.Match[str]) -> str:
    return f"%{dot[0][3:]}" if dot[0].startswith("%25") else "."


register_converter(KindConverter, "kind")
register_converter(NameConverter, "asset_name")

urlpatterns = [
    path("enforcement/", views.index, name="enforcement"),
    path("enforcement/fleet/", views.fleet, name="enforcement-fleet"),
    path("enforcement/findings/<int:pk>/", views.finding, name="enforcement-finding"),
    path(
        "enforcement/preview/<kind:kind>/<asset_name:name>/",
        views.preview,
        name="enforcement-preview",
    ),
    path("enforcement/<kind:kind>/<asset_name:name>/", views.asset, name="enforcement-asset"),
]
