"""Who may start the demonstrations, which write to disk and show an event, and where."""

from collections.abc import Callable
from functools import wraps
from typing import Final

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from ui import local_tenant

MAY_PRESS: Final = ("operator", "admin")

type View = Callable[[HttpRequest], HttpResponseBase]


def only_with_local_tenant(view: View) -> View:
    """A page that is not there with another issuer, so never in production."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponseBase:
        if not local_tenant.is_local():
            raise Http404
        return view(request)

    return guarded
