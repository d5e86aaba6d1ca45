"""Routes of the demonstration: not in production, and 404 with another issuer than the tenant."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, path

from portal.demo_actions import views

urlpatterns: list[URLPattern] = []
if not settings.PRODUCTION:
    urlpatterns = [
        path("demo/finding/", views.simulate_finding, name="demo-finding"),
        path("demo/remove/", views.remove_demo, name="demo-remove"),
        path("demo/tamper/", views.tamper_with_copy, name="demo-tamper"),
    ]
