"""My passkeys: make one, name it, let it count for others, revoke it; and everybody's, for those
who look after them. What each act needs is decided in `approvals.passkeys`."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import actor, needs_role
from accounts.recent_sign_in.requirement import needs_fresh_sign_in
from approvals import clock
from approvals.errors import Refused
from approvals.models import Passkey
from approvals.passkeys import (
    enrol_and_revoke,
    queries,
    registration_ceremony,
    relying_party,
    sealed_registration,
    verifier_trust_file,
)
from approvals.passkeys.registration_ceremony import NotRegistered
from approvals.pipeline.service import Performed, perform
from approvals.views.passkey_rows import rows
from audit.recording.actors import Actor, Target
from ui.refused_request_audit_flag import tell

_CEREMONY = "passkey_ceremony"
_GIVEN_FOR = timedelta(minutes=10)
LONGEST = 65_536  # characters of a browser's answer


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@needs_fresh_sign_in()
def new(request: HttpRequest) -> HttpResponseBase:
    """Make a passkey in this browser; each page gives out one challenge for one try."""
    if request.method == "POST":
        return _enrol(request)
    me, challenge = actor(request), registration_ceremony.new_challenge()
    request.session[_CEREMONY] = [b64encode(challenge).decode(), clock.stamp(clock.now())]
    options = registration_ceremony.options(me, challenge, queries.usable(me))
    context = {
        "options": json.dumps(options),
        "suggested": f"{me.name or me.email}’s passkey"[:60],
        "rp_id": relying_party.rp_id(),
        "origin": relying_party.origin(),
    }
    return render(request, "approvals/passkey_new.html", context)


def _enrol(request: HttpRequest) -> HttpResponse:
    me = actor(request)
    challenge = _given_out(request)
    try:
        if challenge is None:
            raise NotRegistered("too_late", "That page was used or is too old. Begin again.")
        made = registration_ceremony.verify(sent(request), challenge)
        handle = relying_party.handle_of(made.credential_id)
        registered = sealed_registration.seal(me, made)
        name = queries.clean_name(request.POST.get("name", ""))
        params = {"name": name, "registration": registered}
        perform(me, "passkey.enrol", Target(enrol_and_revoke.OWN, handle), params=params)
    except (NotRegistered, Refused) as refused:
        sealed_registration.note_refused(me, refused.code, refused.detail)
        messages.error(request, f"No passkey was enrolled. {refused.detail}")
        return redirect("account-passkey-new")
    called = name or f"{relying_party.short(handle)}"
    messages.success(request, f"Passkey {called} was enrolled for your own requests.")
    return redirect("account")


def _given_out(request: HttpRequest) -> bytes | None:
    """The challenge of this session's page, which is used up by asking."""
    text, at = request.session.pop(_CEREMONY, None) or ("", "")
    if not text or clock.now() - datetime.fromisoformat(at) > _GIVEN_FOR:
        return None
    return b64decode(text)


def sent(request: HttpRequest) -> dict[str, Any]:
    """The browser's answer in the form; empty, which verifies as nothing, when it is no object."""
    text = request.POST.get("credential", "")
    try:
        found = json.loads(text) if len(text) <= LONGEST else None
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {}


@require_POST
def rename(request: HttpRequest, handle: str) -> HttpResponse:
    """Call one of my passkeys something else."""
    typed = request.POST.get("name", "")
    if queries.rename(actor(request), handle, typed):
        messages.success(request, f"Passkey was renamed to {queries.clean_name(typed)}.")
    elif queries.of(actor(request)).filter(handle=handle).exists():
        messages.error(request, "The passkey was not renamed. Give it a name.")
    else:
        raise Http404
    return redirect("account")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@needs_fresh_sign_in()
def approver(request: HttpRequest, handle: str) -> HttpResponseBase:
    """Ask another person to confirm that a key of mine may approve what others ask for."""
    me = actor(request)
    key = queries.usable(me).filter(handle=handle, approver_since=None).first()
    if key is None:
        raise Http404
    if request.method != "POST":
        context = {"key": key, "short": relying_party.short(handle)}
        return render(request, "approvals/passkey_approver.html", context)
    done = _perform(request, me, "passkey.enrol", Target(enrol_and_revoke.APPROVER, handle))
    if done is None or done.approval is None:
        return redirect("account")
    return redirect("approval", approval_id=done.approval.id)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def revoke(request: HttpRequest, handle: str) -> HttpResponseBase:
    """One's own key at once. Somebody else's is an admin's to revoke, freshly signed in."""
    me, key = actor(request), queries.find(handle)
    if key is None or not (key.belongs_to(me) or "admin" in me.roles):
        raise Http404
    return _revoke(request, me, key) if key.belongs_to(me) else _revoke_for(request, me, key)


@needs_fresh_sign_in()
def _revoke_for(request: HttpRequest, me: Actor, key: Passkey) -> HttpResponseBase:
    return _revoke(request, me, key)


def _revoke(request: HttpRequest, me: Actor, key: Passkey) -> HttpResponse:
    own = key.belongs_to(me)
    if request.method != "POST":
        return render(request, "approvals/passkey_revoke.html", {"key": key, "own": own})
    reason = request.POST.get("reason", "").strip()[:500]
    if not own and not reason:
        messages.error(request, f"{key.name} was not revoked. Say why: its owner reads it.")
        return redirect("account-passkey-revoke", handle=key.handle)
    done = _perform(request, me, "passkey.revoke", Target(enrol_and_revoke.OWN, key.handle), reason)
    if done is not None and done.approval is not None:
        return redirect("approval", approval_id=done.approval.id)
    if done is not None:
        messages.success(request, f"Passkey {key.name} was revoked.")
    return redirect("account" if own else "account-passkeys-everyone")


def _perform(
    request: HttpRequest, me: Actor, verb: str, target: Target, reason: str = ""
) -> Performed | None:
    """Take the decision; None, with the words on the page, when it is refused."""
    try:
        return perform(me, verb, target, reason=reason)
    except Refused as refused:
        tell(request, refused.code)
        messages.error(request, refused.detail)
        return None


@require_safe
@never_cache
@needs_role("auditor", "operator", "admin")
def everyone(request: HttpRequest) -> HttpResponse:
    """Every passkey that was ever enrolled, and the file that verifiers read."""
    listed = rows(queries.everybody())
    usable = [row.key for row in listed if not row.key.revoked_at]
    context = {
        "rows": listed,
        "usable": len(usable),
        "for_others": sum(key.approver_since is not None for key in usable),
        "admin": "admin" in actor(request).roles,
    }
    return render(request, "approvals/passkeys_everyone.html", context)


@require_safe
@never_cache
@needs_role("auditor", "operator", "admin")
def trust_file(request: HttpRequest) -> HttpResponse:
    """The enrolment directory for `ata verify --passkeys`."""
    answer = JsonResponse(verifier_trust_file.document(), json_dumps_params={"indent": 1})
    answer["Content-Disposition"] = 'attachment; filename="passkeys.json"'
    return answer
