"""The baseline: Django's own admin over the same table, with counts on its filters.

50 accounts a page and `show_facets=ALWAYS`; it can group by nothing, and searches the account's
label alone.
"""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.urls import path

from connections.models import ConnectedAccount


class Site(admin.AdminSite):
    """Every caller may look."""

    def has_permission(self, request: HttpRequest) -> bool:
        return True


class Accounts(admin.ModelAdmin):  # type: ignore[type-arg]
    """The change list that the inventory is compared with."""

    list_display = ("connection", "sub", "label", "scopes", "state", "last_used_at")
    list_filter = ("state", "connection", "source", "last_agent", "last_skill")
    search_fields = ("label", "provider_user")
    list_per_page = 50
    show_facets = admin.ShowFacets.ALWAYS
    ordering = ("connection", "-id")

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return True


site = Site(name="admin")
site.register(ConnectedAccount, Accounts)
urlpatterns = [path("admin/", site.urls)]
