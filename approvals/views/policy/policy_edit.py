"""Editing the policy: a draft in a form, its difference before anything is asked, and the asking.

Editing writes nothing. `propose` is `policy.change`: another admin approves it under the policy
that is in force (DESIGN 1.3.2).
"""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.permissions import actor, needs_role
from accounts.recent_sign_in.requirement import (
    fresh_sign_in_url,
    needs_fresh_sign_in,
    what_is_missing,
)
from approvals import policy
from approvals.errors import FRESH_FOR_S, FRESH_SIGN_IN, Refused
from approvals.pipeline.intent import digest
from approvals.pipeline.service import perform
from approvals.policy import policy_in_force
from approvals.policy.document import BadDocument, Document, read
from approvals.policy.policy_change import TARGET, VERB
from approvals.views.policy import matrix_and_panel, policy_draft_form, policy_page_context
from approvals.views.policy.policy_draft_form import Draft
from approvals.views.policy.policy_dry_run_form import trial
from audit.ledger.format.allowed_field_values import ROLES, SEVERITIES
from ui.refused_request_audit_flag import mark, tell

_STATUS = {"stale_policy": 409, "no_approver": 409, "not_permitted": 403}


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@needs_role("admin")
def edit(request: HttpRequest) -> HttpResponseBase:
    """The form: GET begins with what is in force, each POST is one step of the editing."""
    if request.method != "POST":
        return _begin(request)
    now = policy.in_force()
    draft = _draft_of(request)
    stale = draft.base != now.digest
    draft.base = now.digest
    word = request.POST.get("do", "review")
    if word == "review":
        made = draft.check(now.document.number + 1)
        if made is not None:
            return _review(request, made, stale=stale)
        return _form(request, draft, status=422)
    policy_draft_form.act(draft, word)
    if added := request.POST.get("roster-add") if word == "personadd" else "":
        draft.roster = [*dict.fromkeys([*draft.roster, added])]
    return _form(request, draft, stale=stale)


@needs_fresh_sign_in()
def _begin(request: HttpRequest) -> HttpResponse:
    now = policy.in_force()
    return _form(request, policy_draft_form.of(now.document, now.digest))


def _draft_of(request: HttpRequest) -> Draft:
    """What the form holds, or the document that comes back from the review."""
    whole = request.POST.get("document", "")
    if whole:
        try:
            return policy_draft_form.of(read(json.loads(whole)), request.POST.get("base", ""))
        except (BadDocument, ValueError, AttributeError):
            pass
    return policy_draft_form.posted(request.POST)


def _form(
    request: HttpRequest, draft: Draft, *, status: int = 200, stale: bool = False
) -> HttpResponse:
    draft.describe()
    now, made = policy.current(), _whole(draft)
    context: dict[str, Any] = {
        "draft": draft,
        "severities": list(reversed(SEVERITIES)),
        "roles": ROLES,
        "about": [(name, said[0]) for name, said in policy_draft_form.ABOUT.items()],
        "channels": policy_draft_form.CHANNELS,
        "people": policy_draft_form.people(),
        "usual_s": settings.STEP_UP_EXPIRY_S,
        "stale": stale,
        "trying": _trying(request, made or now, whole=made is not None),
        "preview": matrix_and_panel.preview(made, now) if made else None,
        "edits": policy_page_context.differences(now, made) if made else None,
    }
    return render(request, "approvals/policy_edit.html", context, status=status)


def _whole(draft: Draft) -> Document | None:
    """The policy that the draft would be; None where it is none yet."""
    try:
        return read(draft.as_json(policy.current().number + 1))
    except BadDocument:
        return None


def _trying(request: HttpRequest, document: Document, *, whole: bool) -> Any:
    """The dry run against the draft, as far as the draft is a policy."""
    return trial(document, request.POST if whole and request.POST.get("do") == "try" else {})


@require_http_methods(["GET", "HEAD"])
@never_cache
@needs_role("admin")
@needs_fresh_sign_in()
def review(request: HttpRequest) -> HttpResponse:
    """Going back: what proposing the version `?from=` again would change."""
    now, name = policy.in_force(), request.GET.get("from", "")
    if not policy_in_force.exists(name) or name == now.digest:
        return redirect("approvals-policy")
    earlier = policy_in_force.load(name)
    if earlier.digest != name:  # altered, so another one would be proposed
        return redirect("approvals-policy")
    again = earlier.document.model_copy(update={"number": now.document.number + 1})
    return _review(request, again, undo=earlier.document.number)


@require_POST
@never_cache
@needs_role("admin")
def propose(request: HttpRequest) -> HttpResponse:
    """Ask another admin for this very document. Nothing is lost where it cannot be asked."""
    try:
        made = read(json.loads(request.POST.get("document", "")))
    except (BadDocument, ValueError, AttributeError):
        return redirect("approvals-policy-edit")
    session = request.META.get("ATA_SESSION")
    if why := what_is_missing(session, FRESH_FOR_S, mfa=True):
        mark(request, FRESH_SIGN_IN)
        return _review(request, made, problem=f"{why} Nothing was changed.", again=True, status=401)
    try:
        done = perform(
            actor(request),
            VERB,
            TARGET,
            params={"document": made.as_json(), "base": request.POST.get("base", "")},
            reason=request.POST.get("reason", "")[:2000],
        )
    except Refused as refused:
        tell(request, refused.code)
        return _review(request, made, problem=refused.detail, status=_STATUS.get(refused.code, 422))
    if done.approval is None:  # no policy lets it: the floor asks for another person
        return redirect("approvals-policy")
    return redirect("approval", approval_id=done.approval.pk)


def _review(
    request: HttpRequest,
    made: Document,
    *,
    stale: bool = False,
    undo: int | None = None,
    problem: str = "",
    again: bool = False,
    status: int = 200,
) -> HttpResponse:
    now = policy.in_force()
    document = made.as_json()
    context = {
        "changes": policy_page_context.differences(now.document, made),
        "document": json.dumps(document),
        "pretty": json.dumps(document, indent=2, sort_keys=True),
        "digest": digest(document),
        "number": made.number,
        "preview": matrix_and_panel.preview(made, now.document),
        "base": now.digest,
        "stale": stale,
        "undo": undo,
        "problem": problem,
        "reason": request.POST.get("reason", ""),
        "sign_in": fresh_sign_in_url(request.path) if again else "",
    }
    return render(request, "approvals/policy_review.html", context, status=status)
