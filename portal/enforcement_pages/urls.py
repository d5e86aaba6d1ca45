"""Pages of enforcement (DESIGN 2.3)."""

from __future__ import annotations

from django.urls import path, register_converter

from enforcement.kinds import KINDS
from portal.enforcement_pages import views
from portal.web.name_converter import NameConverter


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
