"""The policy: read by everybody as sentences, changed by admins, tried by anybody.

Reading, trying and editing a draft write nothing. Only `propose` does, through `policy.change`,
which another admin approves under the policy in force.
"""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.permissions import actor
from approvals import policy
from approvals.models import Approval, PolicyVersion, Status
from approvals.policy import answer_matrix, diff, document, policy_in_force
from approvals.policy.policy_change import VERB
from approvals.views.policy import matrix_and_panel, policy_page_context
from approvals.views.policy.policy_dry_run_form import trial
from approvals.views.request_list_filter import SEES_ALL
from audit.recording.actors import Actor


@require_safe
@never_cache
def read(request: HttpRequest) -> HttpResponse:
    """The policy in force, its history, and what it would do."""
    me = actor(request)
    return render(request, "approvals/policy.html", _context(request, me))


def _context(request: HttpRequest, me: Actor) -> dict[str, Any]:
    now = policy.in_force()
    waiting = Approval.objects.filter(verb=VERB, status=Status.PENDING).order_by("-created").first()
    rows = answer_matrix.matrix(now.document)
    row, column = matrix_and_panel.chosen(rows, request.GET)
    counts = matrix_and_panel.counted(me, now.digest)
    history = policy_page_context.history()
    return {
        "policy": policy_page_context.in_words(now),
        "title": matrix_and_panel.headline(rows),
        "also": matrix_and_panel.least_approval(rows),
        "matrix": matrix_and_panel.shown(rows, column),
        "panel": matrix_and_panel.panel(row, column, now.document, counts),
        "days": matrix_and_panel.DAYS,
        "sees_all": bool(me.roles & SEES_ALL),
        "always": policy_page_context.ALWAYS,
        "verbs": policy_page_context.verb_groups(),
        "history": history,
        "current": history[0],
        "approver": policy_page_context.approver(history[0]),
        "may_edit": may_edit(me),
        "waiting": waiting,
        "waiting_url": reverse("approval", args=[waiting.pk]) if waiting else "",
        "trying": trial(now.document, request.GET),
    }


def proposed(approval: Approval) -> list[diff.Change]:
    """What a request to change the policy would change; empty for any other request."""
    if approval.verb != VERB:
        return []
    try:
        made = document.read(approval.params["document"])
    except (document.BadDocument, KeyError):
        return []
    base = policy_in_force.load(str(approval.params.get("base", "")))
    return policy_page_context.differences(base.document, made)


def may_edit(person: Actor) -> bool:
    """Whether this person may propose another policy."""
    return "admin" in person.roles


@require_safe
@never_cache
def version(request: HttpRequest, policy_digest: str) -> HttpResponse:
    """One version: its sentences, what it changed, who changed it and who approved."""
    me = actor(request)
    known = policy_digest == policy_in_force.default().digest or PolicyVersion.objects.filter(
        digest=policy_digest
    )
    if not known:
        raise Http404
    shown = policy_in_force.shown(policy_digest)
    found = next((v for v in policy_page_context.history() if v.digest == policy_digest), None)
    context = {
        "policy": policy_page_context.in_words(shown),
        "answer": matrix_and_panel.answer(answer_matrix.matrix(shown.document)),
        "version": found,
        "may_edit": may_edit(me) and not (found and found.in_force),
        "reads": bool(me.roles & {"auditor", "operator", "admin"}),
    }
    return render(request, "approvals/policy_version.html", context)
