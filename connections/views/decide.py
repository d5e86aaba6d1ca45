"""Taking a decision from a form, and the form that says what follows before a relaxing one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.permissions import actor
from approvals import policy, registry
from approvals.errors import Refused
from approvals.pipeline.service import Performed, perform
from audit.recording.actors import Actor, Target
from ui.refused_request_audit_flag import tell


def decide(
    request: HttpRequest,
    verb: str,
    target: Target,
    params: Mapping[str, Any] | None = None,
    *,
    refused: str = "",
) -> Performed | None:
    """Take it with the form's reason; None where it is refused, which a message says.

    Args:
        refused: what the message says before why.
    """
    reason = request.POST.get("reason", "").strip()[:500]
    try:
        return perform(actor(request), verb, target, params=params, reason=reason)
    except Refused as no:
        tell(request, no.code)
        messages.error(request, f"{refused}{no.detail}")
        return None


def what_follows(me: Actor, verb_name: str, target: Target) -> dict[str, str]:
    """What the policy asks of this person before the decision counts, and what an approval and
    a denial do, in words; without the last two where it counts at once."""
    verb = registry.get(verb_name)
    rule = policy.decide(me, verb, target, verb.severity(target, {}), params={}).as_json()
    within = policy.duration(int(rule["within_s"] or settings.STEP_UP_EXPIRY_S))
    said = {"asks": policy.in_words(rule, verb, within)}
    if rule["kind"] != "require":
        return said
    approved = verb.expects(target, {}) or verb.if_approved
    return said | {"if_approved": approved, "if_denied": policy.if_denied(rule, verb)}


def relax_with_reason(request: HttpRequest, verb: str, target: Target) -> Performed | None:
    """Take a relaxing decision from its form; None without a reason or where it is refused, which
    a message says."""
    if not request.POST.get("reason", "").strip():
        messages.error(request, "Nothing was requested: give a reason.")
        return None
    return decide(request, verb, target)


def relax_form(
    request: HttpRequest, verb: str, target: Target, context: Mapping[str, Any]
) -> HttpResponse:
    """What follows from a relaxing decision, and the form that takes its reason.

    Args:
        context: `title`, `action` (the form's address), `back`, `crumbs`, `standing` (sentences
            on what it would end) and `effects` (what goes on all the same).
    """
    given = request.POST.get("reason", "")
    context = {**context, "follows": what_follows(actor(request), verb, target), "reason": given}
    status = 422 if request.method == "POST" else 200
    return render(request, "connections/relax.html", context, status=status)
