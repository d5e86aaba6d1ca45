"""Routes of DESIGN 2.3; each app brings its own."""

from __future__ import annotations

from django.urls import include, path

from portal.v1 import docs
from portal.v1.routers import api

urlpatterns = [
    path("", include("portal.home.urls")),
    path("", include("portal.demo_actions.urls")),
    path("", include("portal.search.urls")),
    path("", include("portal.people.urls")),
    path("", include("accounts.urls")),
    path("", include("portal.ops.urls")),
    path("", include("audit.urls")),
    path("", include("approvals.urls")),
    path("", include("connections.urls")),
    path("", include("enforcement.urls")),
    path("v1/docs", docs.docs, name="api-docs"),
    path("v1/openapi.json", docs.openapi, name="openapi-json"),
    path("v1/", api.urls),
]

handler400 = "portal.pages.errors.bad_request"
handler403 = "portal.pages.errors.forbidden"
handler404 = "portal.pages.errors.not_found"
handler500 = "portal.pages.errors.server_error"
