"""A refused form is shown again and loses nothing: at once, or after its sender signed in again.

One that waits for a sign-in is kept sealed, bound to the person who sent it, and gone after a
quarter of an hour. Where nobody was signed in any more it is bound to the browser, and shown with
the name of the person who signs in there next. Each is sent again only by a person's own click. One
that holds a secret or was not sent by a page of ours is neither shown nor kept.
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
"""Longest form that is shown again or kept, in characters; a longer one is only refused."""
MOST_OF_NOBODY = 100
"""How many forms are kept at once that came without a sign-in: nobody answers for those."""
_KIND = "form"
_BROWSER = "browser"
_HANDLES = "kept_forms"
_HANDLES_OF_ONE = 5
_NOT_KEPT = frozenset({"csrfmiddlewaretoken"})
_SECRETS = frozenset({"secret", "password", "credential"})


@dataclass(frozen=True, slots=True)
class KeptForm:
    """Where a form was going, and what it said."""

    path: str
    fields: list[tuple[str, str]]


def sent(request: HttpRequest) -> KeptForm | None:
    """The form of a refused POST; None where it is none, is too long or holds a secret."""
    if request.method != "POST" or request.FILES or _SECRETS & set(request.POST):
        return None
    fields = [
        (name, value)
        for name, values in request.POST.lists()
        if name not in _NOT_KEPT
        for value in values
        if isinstance(value, str)
    ]
    long = sum(len(name) + len(value) for name, value in fields) > MOST
    return None if long or not fields else KeptForm(request.get_full_path(), fields)


def sent_by_a_page_of_ours(request: HttpRequest) -> KeptForm | None:
    """As `sent`, and only where the browser says that one of our pages sent it: what another site
    filled in is never offered for a click."""
    ours = urlsplit(settings.PORTAL_URL)
    if request.headers.get("Origin", "") != f"{ours.scheme}://{ours.netloc}":
        return None
    return sent(request)


def keep(request: HttpRequest) -> str:
    """Keep the form of a refused POST; the handle, or "" where there is none to keep."""
    form = sent(request)
    if form is None or not isinstance(request.user, User):
        return ""
    return _seal(form, str(request.user.pk))


def keep_for_browser(request: HttpRequest) -> str:
    """Keep a form that was posted when nobody was signed in, as `keep`; its browser's session has
    the handle and nothing of the form."""
    form = sent_by_a_page_of_ours(request)
    if form is None or _is_full() or not (handle := _seal(form, _BROWSER)):
        return ""
    if _is_full(mine=1):  # others came in the same moment
        sealed_secrets.drop(_KIND, f"{_BROWSER}.{handle}")
        return ""
    others = request.session.get(_HANDLES, [])
    request.session[_HANDLES] = [*others, handle][-_HANDLES_OF_ONE:]
    return handle


def _is_full(mine: int = 0) -> bool:
    """Whether so many forms of nobody are kept already, without `mine`. The limit is one for all
    addresses: behind a proxy every browser has the same."""
    return sealed_secrets.count(_KIND, f"{_BROWSER}.", clock.now()) - mine >= MOST_OF_NOBODY


def _seal(form: KeptForm, owner: str) -> str:
    until = clock.now() + KEPT_FOR
    body = {"path": form.path, "fields": form.fields, "until": until.timestamp()}
    text = json.dumps(body)
    if len(text) > MOST:
        return ""
    handle = secrets.token_hex(16)
    sealed_secrets.keep(_KIND, f"{owner}.{handle}", text, expires=until)
    return handle


def find(user: User, handle: str) -> KeptForm | None:
    """The form that this person sent; None when it is gone, or somebody else's."""
    return _open(str(user.pk), handle)


def find_of_browser(request: HttpRequest, handle: str) -> KeptForm | None:
    """The form that this browser sent when nobody was signed in; None when it is gone, another
    browser's, or of before a second person signed in here."""
    return _open(_BROWSER, handle) if handle in request.session.get(_HANDLES, []) else None


def _open(owner: str, handle: str) -> KeptForm | None:
    try:
        body = json.loads(sealed_secrets.read(_KIND, f"{owner}.{handle}"))
    except sealed_secrets.SecretGone:
        return None
    if clock.now().timestamp() > body["until"]:  # and not swept away yet
        return None
    return KeptForm(body["path"], [(name, value) for name, value in body["fields"]])


def page_it_came_from(request: HttpRequest) -> str:
    """The page of ours that sent this, by its Referer; else home."""
    page = request.headers.get("Referer", "")
    ours = settings.PORTAL_URL.rstrip("/") + "/"
    return path_of(page) if page.startswith(ours) else "/"


def path_of(address: str) -> str:
    """Path and query of an address that a browser sent; home where it is none."""
    try:
        parts = urlsplit(address)
    except ValueError:  # as `http://[`
        return "/"
    return parts.path + (f"?{parts.query}" if parts.query else "")
