"""A form that came too late is kept, sealed, until its sender has signed in afresh.

It is bound to the person who sent it, gone after a quarter of an hour, and sent again only by that
person's own click.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

from accounts.models import User
from approvals import clock
from approvals.step_up import sealed_secrets

KEPT_FOR = timedelta(minutes=15)
MOST = 64 * 1024
"""Longest form that is kept, in characters of JSON; a longer one is refused as it is."""
_KIND = "form"
_NOT_KEPT = frozenset({"csrfmiddlewaretoken"})


@dataclass(frozen=True, slots=True)
class KeptForm:
    """Where a form was going, and what it said."""

    path: str
    fields: list[tuple[str, str]]


def keep(request: HttpRequest) -> str:
    """Keep the form of a refused POST; the handle, or "" where there is none to keep."""
    if request.method != "POST" or request.FILES or not isinstance(request.user, User):
        return ""
    fields = [
        (name, value)
        for name, values in request.POST.lists()
        if name not in _NOT_KEPT
        for value in values
        if isinstance(value, str)
    ]
    until = clock.now() + KEPT_FOR
    body = {"path": request.get_full_path(), "fields": fields, "until": until.timestamp()}
    text = json.dumps(body)
    if not fields or len(text) > MOST:
        return ""
    handle = secrets.token_hex(16)
    sealed_secrets.keep(_KIND, _ref(request.user, handle), text, expires=until)
    return handle


def find(user: User, handle: str) -> KeptForm | None:
    """The form that this person sent; None when it is gone, or somebody else's."""
    try:
        body = json.loads(sealed_secrets.read(_KIND, _ref(user, handle)))
    except sealed_secrets.SecretGone:
        return None
    if clock.now().timestamp() > body["until"]:  # and not swept away yet
        return None
    return KeptForm(body["path"], [(name, value) for name, value in body["fields"]])


def page_it_came_from(request: HttpRequest) -> str:
    """The page of ours that sent this, by its Referer; else home."""
    parts = urlsplit(request.headers.get("Referer", ""))
    if parts.netloc != urlsplit(settings.PORTAL_URL).netloc:
        return "/"
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _ref(user: User, handle: str) -> str:
    return f"{user.pk}.{handle}"
