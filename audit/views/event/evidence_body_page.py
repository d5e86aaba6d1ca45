"""`/audit/evidence/<digest>/`: the body of a piece of evidence. Reading it is an audited act."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.permissions import actor
from accounts.recent_sign_in.requirement import needs_fresh_sign_in
from audit import clock
from audit.evidence import body_and_pack_access, storage
from audit.evidence.storage import EvidenceErased, EvidenceError, EvidenceMissing, NotReleasable
from audit.ledger.packs.report_sentences import sentence
from audit.models import EvidenceItem
from audit.views.event.event_details import pretty
from audit.views.read_permissions import reads_everything

_DIGEST = re.compile(r"[0-9a-f]{64}")
_TIMES = {"iat": "Issued", "exp": "Expired", "auth_time": "Signed in"}
_NAMED = {"iss": "Issuer", "sub": "Subject", "name": "Name", "email": "E-mail", "aud": "For"}
_WHOSE = "This evidence is about someone else. Auditors and the person can open it."


@dataclass(frozen=True, slots=True)
class Body:
    """What the page shows of a body that could be read; `named` is the person that it names."""

    text: str
    claims: tuple[tuple[str, str], ...] = ()
    parts: tuple[tuple[str, str], ...] = field(default=())
    named: str = ""


@require_safe
def body(request: HttpRequest, digest: str) -> HttpResponseBase:
    """One body; auditors read everybody's, people their own, readers the issuer's snapshots."""
    if not _DIGEST.fullmatch(digest):
        raise Http404("a digest has 64 hex digits")
    try:
        item = body_and_pack_access.find(digest)
    except EvidenceMissing as error:
        raise Http404(str(error)) from None
    who = actor(request)
    if not body_and_pack_access.may_read(who, item) or not (item.subject or reads_everything(who)):
        raise PermissionDenied(_WHOSE)
    return _read(request, item) if item.subject else _show(request, item)


@needs_fresh_sign_in()
def _read(request: HttpRequest, item: EvidenceItem) -> HttpResponseBase:
    return _show(request, item)


def _show(request: HttpRequest, item: EvidenceItem) -> HttpResponse:
    if request.method == "HEAD":
        return HttpResponse()
    context: dict[str, Any] = {
        "item": item,
        "label": body_and_pack_access.LABELS.get(item.kind, item.kind),
        "crumbs": [{"text": "Audit trail", "url": "/audit/"}, {"text": "Evidence"}],
        "until": item.not_before_release,
    }
    try:
        found = body_and_pack_access.read(actor(request), item, clock.now())
        context |= {"state": "read", "body": in_words(found)}
    except NotReleasable:
        context |= _withheld(item)
    except EvidenceErased:
        context["state"] = "erased"
    except EvidenceError as error:
        context |= {"state": "broken", "problem": sentence(error)}
    return render(request, "audit/evidence.html", context)


def _withheld(item: EvidenceItem) -> dict[str, str]:
    """The state of a token that is still valid: one that does not open now is not promised."""
    if storage.is_erased(item):
        return {"state": "erased"}
    try:
        storage.get(item.digest)
    except EvidenceError as error:
        return {"state": "broken", "problem": sentence(error)}
    return {"state": "not_released"}


def in_words(raw: bytes) -> Body:
    """A body as people read it: a token by its parts, JSON indented, all else as base64."""
    text = _text(raw)
    claims = storage.claims_of(raw)
    if claims is not None and text.count(".") == 2:
        header = storage.claims_of(b"." + raw.split(b".")[0])
        parts = (("Header", pretty(header)), ("What the issuer signed", pretty(claims)))
        person = next((claims[key] for key in ("name", "email", "sub") if claims.get(key)), "")
        return Body(text, tuple(_claims(claims)), parts, str(person))
    try:
        return Body(text, (), (("Content", pretty(json.loads(text))),))
    except ValueError:
        return Body(text)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return base64.b64encode(raw).decode()


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _claims(claims: dict[str, Any]) -> list[tuple[str, str]]:
    said = [(label, _listed(claims[name])) for name, label in _NAMED.items() if name in claims]
    for name, label in _TIMES.items():
        value = claims.get(name)
        if isinstance(value, int) and 0 < value < 2**33:
            said.append((label, f"{datetime.fromtimestamp(value, UTC):%-d %b %Y %H:%M:%S} UTC"))
    return said
