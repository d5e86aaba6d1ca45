"""The tenant's error page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def error_page(request: HttpRequest, status: int, message: str) -> HttpResponse:
    """A page that says what went wrong and how to go on."""
    return render(request, "tenant/error.html", {"message": message}, status=status)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404 for addresses this tenant does not serve."""
    return error_page(request, 404, f"This tenant has no page at {request.path}.")
