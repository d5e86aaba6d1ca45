"""Pages of enforcement (DESIGN 2.3)."""

from __future__ import annotations

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from enforcement.kinds import KINDS
from enforcement.views import view_functions
from ui.path_converters import NameConverter


class KindConverter(StringConverter):
    """Kinds that can be decided about; anything else is not a page."""

    regex = "|".join(KINDS)


register_converter(KindConverter, "kind")
register_converter(NameConverter, "asset_name")

urlpatterns = [
    path("enforcement/", view_functions.index, name="enforcement"),
    path("enforcement/fleet/", view_functions.fleet, name="enforcement-fleet"),
    path("enforcement/findings/<int:pk>/", view_functions.finding, name="enforcement-finding"),
    path(
        "enforcement/preview/<kind:kind>/<asset_name:name>/",
        view_functions.preview,
        name="enforcement-preview",
    ),
    path(
        "enforcement/<kind:kind>/<asset_name:name>/", view_functions.asset, name="enforcement-asset"
    ),
]
