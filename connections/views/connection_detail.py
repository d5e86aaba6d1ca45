"""One connection: what it allows, who used it, what happened, and the acts on it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.permissions import actor
from approvals.models import Outcome, Status
from approvals.pipeline.service import Performed
from audit.recording.actors import Actor, Target
from connections import (
    account_names,
    permissions,
)
from connections.lifecycle import (
    connect_revoke_suspend_resume,
    restriction_stack,
)
from connections.models import ConnectedAccount, State
from connections.scope_escalation import page_rows
from connections.scopes import (
    catalogue,
    permissions_in_third_person,
)
from connections.status import (
    facts_with_sources,
    impact_and_history,
    member_overview,
    state_filters,
)
from connections.views.decide import decide, relax_form, relax_with_reason, what_follows
from ui import local_tenant, person_links
from ui.current_navigation_entry import mark_entry

_RESUME = "connection.resume"
_PAST = {
    "connection.revoke": "revoked",
    "connection.suspend": "suspended",
    "connection.resume": "resumed",
    "connection.wake": "resumed",
}


def _fetch(request: HttpRequest, account_id: UUID) -> tuple[Actor, ConnectedAccount]:
    """Permission by fetch.

    Raises:
        Http404: not there, or not this person's to see.
    """
    me = actor(request)
    try:
        found = permissions.visible_one(me, str(account_id))
    except ConnectedAccount.DoesNotExist:
        raise Http404(str(account_id)) from None
    if not permissions.is_owner(me, found):
        mark_entry(request, "/connections/inventory/")
    return me, found


@never_cache
@require_GET
def detail(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Everything about one account."""
    me, account = _fetch(request, account_id)
    rows, older = impact_and_history.timeline(
        account, permissions.id_of(request.GET.get("before", ""))
    )
    needs = _needs(me, account)
    missing = [need for need in needs if not need.granted]
    context = _context(me, account) | {
        "uses": account.uses.order_by("-last"),
        "frozen_agents": state_filters.now().frozen_agents,
        "past": member_overview.past_us([account]).get(account.pk, ()),
        "steps": _steps(account),
        "timeline": [_story(me, row) for row in rows],
        "older_url": f"?before={older}#story" if older else "",
        "resumed": "before" in request.GET,
        "needs": needs,
        "granted": [need for need in needs if need.granted],
        "missing": missing,
        "missed_by": sorted({name for need in missing for name in need.needed_by}),
        "excess": sum(need.excess for need in needs),
        "facts": list(facts_with_sources.facts(account)),
        "told_by": facts_with_sources.SOURCES.get(account.source, account.source),
        "newest": facts_with_sources.newest(account),
        "reads": bool(me.roles),
        "waiting": _waiting(account),
        "allowed": page_rows.allowed_on(account, me),
        "tried": page_rows.tried_on(account, me),
    }
    return render(request, "connections/detail.html", context)


def _needs(me: Actor, account: ConnectedAccount) -> list[facts_with_sources.Need]:
    """What is granted and needed, in words to its owner or about them."""
    needs = facts_with_sources.needs(account)
    if permissions.is_owner(me, account):
        return needs
    owner = account_names.owner_name(account)
    said = permissions_in_third_person.for_others([need.scope for need in needs], owner)
    return [replace(need, scope=scope) for need, scope in zip(needs, said, strict=True)]


def _context(me: Actor, account: ConnectedAccount) -> dict[str, Any]:
    own = permissions.is_owner(me, account)
    found = impact_and_history.of(account)
    return {
        "account": account,
        "card": member_overview.card(account, me, owner=account_names.owner_name(account)),
        "title": catalogue.title(account.connection),
        "suspension": _suspension(me, account),
        "sleeps": state_filters.setting_of(account.connection).in_words(
            catalogue.title(account.connection)
        ),
        "owner": account_names.owner(account),
        "owner_url": person_links.page_of_subject(me, account.iss, account.sub),
        "own": own,
        "impact": found,
        "effects": found.sentences(account),
        "undo_s": connect_revoke_suspend_resume.UNDO_S,
        "provider_url": provider_settings(account.connection),
        "crumbs": _crumbs(me, account),
    }


def _crumbs(me: Actor, account: ConnectedAccount) -> list[dict[str, str]]:
    everyones = {"text": "Accounts", "url": "/connections/inventory/"}
    mine = {"text": "My connected accounts", "url": "/connections/"}
    first = mine if permissions.is_owner(me, account) else everyones
    return [first, {"text": catalogue.title(account.connection)}]


def _suspension(me: Actor, account: ConnectedAccount) -> dict[str, str]:
    """Who suspended an account, and who can end that, in words."""
    placed = _suspensions(account)
    if restriction_stack.waits(account):
        ends = "It is decided with the request about it."
    elif all(one.by == account.sub for one in placed):
        ends = f"{'You' if permissions.is_owner(me, account) else 'Its owner'} can resume it."
    else:
        ends = "An admin can resume it, which needs an approval."
    subs = list(dict.fromkeys(one.by for one in placed if one.by))
    by = ["you" if sub == me.sub else account_names.person_name(account.iss, sub) for sub in subs]
    return {"by": " and ".join(by), "ends": ends}


def _steps(account: ConnectedAccount) -> list[dict[str, object]]:
    sentences = impact_and_history.steps(account)
    url = provider_settings(account.connection)
    if sentences and url:
        title = catalogue.title(account.connection)
        sentences.append(
            {
                "state": "not",
                "text": f"{title} itself keeps the permission until it is removed there.",
                "url": url,
                "action": f"View {title}",
            }
        )
    return sentences


def _story(me: Actor, row: Any) -> dict[str, Any]:
    tones = {"failure": "bad", "denied": "bad", "expired": "warn", "pending": "info"}
    item = {"when": row.time, "text": row.sentence, "tone": tones.get(row.outcome, "")}
    if me.roles:
        item["url"] = f"/audit/events/{row.event}/"
    return item


def _waiting(account: ConnectedAccount) -> dict[str, Any] | None:
    """The request about this account that still explains its state."""
    approval = impact_and_history.approval_of(account)
    if approval is None:
        return None
    unanswered = approval.outcome in {Outcome.EXPIRED, Outcome.FAILED} and account.held_by == str(
        approval.id
    )
    if approval.status == Status.CLOSED and not unanswered:
        return None
    return {"approval": approval, "unanswered": unanswered}


@never_cache
@require_http_methods(["GET", "POST"])
def revoke(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Show the impact; on POST, revoke."""
    me, account = _fetch(request, account_id)
    if request.method == "POST":
        params = {"end_sessions": True} if request.POST.get("end_sessions") else {}
        return _perform(request, me, account, "connection.revoke", params)
    if not member_overview.card(account, me).can_revoke:
        return redirect("connections:detail", account_id=account.id)
    follows = what_follows(me, "connection.revoke", Target("connection", str(account.id)))
    context = _context(me, account) | {"follows": follows}
    return render(request, "connections/revoke.html", context)


@require_POST
def suspend(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Refuse it at the broker until somebody resumes it."""
    me, account = _fetch(request, account_id)
    return _perform(request, me, account, "connection.suspend")


@never_cache
@require_http_methods(["GET", "POST"])
def resume(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """End a suspension, or take back one's own revocation while it can be.

    Where somebody must approve that, say first what follows, and take the reason.
    """
    me, account = _fetch(request, account_id)
    card = member_overview.card(account, me)
    asks = card.can_resume and card.resume_asks
    if request.method == "POST" and not asks:
        return _perform(request, me, account, "connection.resume")
    if not asks:
        return redirect("connections:detail", account_id=account.id)
    target = Target("connection", str(account.id))
    if request.method == "POST" and (done := relax_with_reason(request, _RESUME, target)):
        return _after(request, me, account, _RESUME, done)
    return relax_form(request, _RESUME, target, _resume_context(me, account))


def _resume_context(me: Actor, account: ConnectedAccount) -> dict[str, Any]:
    page = reverse("connections:detail", args=[account.id])
    crumbs = _crumbs(me, account)
    crumbs[-1]["url"] = page
    return {
        "title": f"Resume {account_names.whose(account, me)}",
        "action": reverse("connections:resume", args=[account.id]),
        "back": page,
        "crumbs": crumbs,
        "standing": [_suspended(account, me, one) for one in _suspensions(account)],
        "effects": ["What a freeze stops stays stopped."],
    }


def _suspensions(account: ConnectedAccount) -> list[restriction_stack.Layer]:
    layers = restriction_stack.layers(account)
    return [one for one in layers if one.state == State.SUSPENDED]


def _suspended(account: ConnectedAccount, me: Actor, one: restriction_stack.Layer) -> str:
    by = "you" if one.by == me.sub else account_names.person_name(account.iss, one.by)
    since = account_names.minute(one.since)
    why = one.reason or "no reason was given"
    return f"Suspended{f' by {by}' if by else ''} since {since}: {why}"


@require_POST
def wake(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Wake what fell asleep; where the setting asks for it, that waits for the owner's phone."""
    me, account = _fetch(request, account_id)
    return _perform(request, me, account, "connection.wake")


def _perform(
    request: HttpRequest,
    me: Actor,
    account: ConnectedAccount,
    verb: str,
    params: dict[str, Any] | None = None,
) -> HttpResponse:
    done = decide(request, verb, Target("connection", str(account.id)), params)
    if done is None:
        return redirect("connections:detail", account_id=account.id)
    return _after(request, me, account, verb, done)


def _after(
    request: HttpRequest, me: Actor, account: ConnectedAccount, verb: str, done: Performed
) -> HttpResponse:
    if done.approval is not None:
        return redirect("approval", approval_id=done.approval.id)
    own = permissions.is_owner(me, account)
    if own and verb == "connection.revoke":  # the page itself shows the countdown and Undo
        return redirect("connections:mine")
    account.refresh_from_db()
    named = account_names.whose(account, me)
    if verb == "connection.resume" and account.state == State.SUSPENDED:
        messages.warning(request, f"Someone else had suspended {named}: only your part ended.")
    else:
        messages.success(request, f"You {_PAST[verb]} {named}.")
    if own and verb in {"connection.resume", "connection.wake"}:
        return redirect("connections:mine")
    return redirect("connections:detail", account_id=account.id)


_SETTINGS = {
    "github": "https://github.com/settings/applications",
    "slack": "https://slack.com/apps/manage",
    "google-oauth2": "https://myaccount.google.com/connections",
}


def provider_settings(connection: str) -> str:
    """The provider's own page of authorised applications; empty where we know none."""
    if connection in _SETTINGS and local_tenant.is_local():
        return f"{local_tenant.tenant_url()}providers/{connection}/settings"
    return _SETTINGS.get(connection, "")
