"""Which entry of the navigation a page is marked under."""

from __future__ import annotations

from django.http import HttpRequest

_META = "ATA_NAVIGATION_ENTRY"


def mark_entry(request: HttpRequest, path: str) -> None:
    """Mark the entry of another path than the page's own: somebody else's thing lies at the same
    address as one's own."""
    request.META[_META] = path


def entry_of(request: HttpRequest) -> str:
    """The path of the entry to mark."""
    return str(request.META.get(_META, request.path))
