"""Home by role."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


@login_not_required
def home(request: HttpRequest) -> HttpResponse:
    """What matters to this person now; a short welcome for strangers."""
    return render(request, "home/welcome.html")


@login_not_required
def styleguide(request: HttpRequest) -> HttpResponse:
    """Every component in every state (embedded mode only)."""
    return render(request, "styleguide.html")
