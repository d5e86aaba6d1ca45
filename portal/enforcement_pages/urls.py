"""Pages of enforcement (DESIGN 2.3)."""

from __future__ import annotations

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
