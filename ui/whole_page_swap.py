"""The end of a poll that changes the whole page."""

from __future__ import annotations

from django.http import HttpResponse
from django_htmx.http import reselect, reswap, retarget


def swap_main(answer: HttpResponse) -> HttpResponse:
    """Have htmx put the `main` of this whole page in place of the one that is shown, whichever part
    of it asked. Nothing is reloaded."""
    return reswap(reselect(retarget(answer, "#main"), "#main"), "outerHTML")
