"""Pages of enforcement (DESIGN 2.3)."""

from __future__ import annotations

from django.urls import path, register_converter

from enforcement.kinds import KINDS
from enforcement.views import pages
from ui.path_converters import NameConverter


class KindConverter:
    """Kinds that can be decided about; anything else is not a page."""

    regex = "|".join(KINDS)

    def to_python(self, value: str) -> str:
        """As it is."""
        return value

    def to_url(self, value: str) -> str:
        """As it is."""
        return value


register_converter(KindConverter, "kind")
register_converter(NameConverter, "asset_name")

urlpatterns = [
    path("enforcement/", pages.index, name="enforcement"),
    path("enforcement/fleet/", pages.fleet, name="enforcement-fleet"),
    path("enforcement/findings/<int:pk>/", pages.finding, name="enforcement-finding"),
    path(
        "enforcement/preview/<kind:kind>/<asset_name:name>/",
        pages.preview,
        name="enforcement-preview",
    ),
    path("enforcement/<kind:kind>/<asset_name:name>/", pages.asset, name="enforcement-asset"),
]
