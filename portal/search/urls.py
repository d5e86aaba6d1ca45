"""The route of search."""

from __future__ import annotations

from django.urls import path

from portal.search import views

urlpatterns = [path("search/", views.search, name="search")]
