"""What is frozen, and freezing at once: an agent, a person, a service, or everything."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import actor, needs_role
from approvals.errors import UnknownName
from approvals.models import Approval, Person, Status
from approvals.pipeline.service import Performed
from approvals.policy.sentences import called
from audit.recording.actors import Target
from connections import account_names, connection_and_agent_names
from connections.lifecycle import access_left_after_freeze, freezes
from connections.models import Freeze, FrozenKind
from connections.status.account_status import EVERYTHING
from connections.views.decide import decide, relax_form, relax_with_reason
from ui import person_links

_KINDS = frozenset(FrozenKind.values)
_LISTED = 50
"""Accounts with a token that may still work that the page lists."""
_WORDS = {
    "agent": "the agent",
    "person": "the person",
    "service": "the service",
    "everything": "everything",
}


@never_cache
@needs_role("admin", "auditor")
@require_safe
def frozen(request: HttpRequest) -> HttpResponseBase:
    """What is frozen, by whom and why; for admins the form."""
    return _page(request, {})


def _page(
    request: HttpRequest, given: dict[str, str], *, status: int = 200, unknown: str = ""
) -> HttpResponse:
    waiting = {
        (one.target_kind, one.target_name): one
        for one in Approval.objects.filter(
            status=Status.PENDING, target_kind__in=_KINDS, verb__endswith=".unfreeze"
        )
    }
    by_target: dict[tuple[str, str], list[Freeze]] = {}
    for one in Freeze.objects.all():
        by_target.setdefault((one.kind, one.name), []).append(one)
    titles = freezes.titles(by_target)
    pages = _pages_of_people(request, by_target)
    live = access_left_after_freeze.live_tokens()
    earlier = access_left_after_freeze.of_any(by_target, live) if by_target else live
    remainders = access_left_after_freeze.remainders(by_target, live)
    rows = []
    for key, several in by_target.items():
        url, name = pages.get(key, ("", ""))
        rows.append(
            {
                "freezes": several,
                "what": several[0],
                "title": name if url else titles[key],  # a link to a person needs no quotes
                "asked": waiting.get(key),
                "url": url,
                "goes_on": remainders[key],
            }
        )
    context = {
        "rows": rows,
        "in_force": sum(map(len, by_target.values())),
        "may": "admin" in actor(request).roles,
        "suggestions": freezes.suggestions(),
        "given": given,
        "unknown": unknown,
        "components": _components(unknown),
        "everything": freezes.everything_is(),
        "live": live[:_LISTED],
        "live_more": len(live) > _LISTED,
        "live_until": earlier[0].ends if earlier and earlier[0].until else "",
        "endless": any(one.until is None for one in earlier),
        "all_read": len(live) < access_left_after_freeze.READ,
    }
    return render(request, "connections/freeze.html", context, status=status)


def _components(unknown: str) -> list[tuple[str, str, str]]:
    """What an unknown name of an agent is the name of: kind, name and the kind in words."""
    found = connection_and_agent_names.components_named(unknown) if unknown else []
    return [(kind, name, called(kind)) for kind, name in found]


def _pages_of_people(
    request: HttpRequest, targets: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], tuple[str, str]]:
    """The address of the page of each frozen person and their name, by kind and subject."""
    subs = [name for kind, name in targets if kind == FrozenKind.PERSON]
    me, person = actor(request), FrozenKind.PERSON.value
    return {
        (person, one.sub): (person_links.page_of(me, one), str(one))
        for one in Person.objects.filter(sub__in=subs)
    }


@needs_role("admin")
@require_POST
def freeze(request: HttpRequest) -> HttpResponseBase:
    """Freeze it now. What was typed stays when it cannot be done."""
    kind = request.POST.get("kind", "")
    kind = kind if kind in _WORDS else ""
    name = request.POST.get(f"name_{kind}", "").strip()
    if kind == "everything":
        kind, name = FrozenKind.SERVICE, EVERYTHING
    if other := _other(request, kind):
        messages.error(request, f"Nothing was frozen: you chose {_WORDS[kind]} and named {other}.")
        return _page(request, request.POST.dict(), status=422)
    if kind not in _KINDS or not name:
        messages.error(request, "Nothing was frozen: say what, and which one.")
        return _page(request, request.POST.dict(), status=422)
    me, target = actor(request), Target(kind, name)
    try:
        confirmed = request.POST.get("new") == "on"
        connection_and_agent_names.check_agent(
            me, freezes.verb_of(kind, "freeze"), target, new=confirmed
        )
    except UnknownName as unknown:
        messages.error(request, f"Nothing was frozen. {unknown.detail}")
        return _page(request, request.POST.dict(), status=422, unknown=name)
    if (done := _freeze(request, "freeze", kind, name)) is None:
        return _page(request, request.POST.dict(), status=422)
    return _after(done, request, "froze", kind, name)


def _other(request: HttpRequest, kind: str) -> str:
    """What was named for another kind than the chosen one while the chosen one has no name."""
    if not kind or request.POST.get(f"name_{kind}", "").strip():
        return ""
    names = {one: request.POST.get(f"name_{one}", "").strip() for one in _KINDS}
    return next((f"{_WORDS[one]} {name}" for one, name in names.items() if name), "")


@never_cache
@needs_role("admin")
@require_http_methods(["GET", "HEAD", "POST"])
def unfreeze(request: HttpRequest, kind: str, name: str) -> HttpResponseBase:
    """Say what the end of a freeze comes to; on POST, ask for it with the reason."""
    if kind not in _KINDS:
        raise Http404(kind)
    verb, target = freezes.verb_of(kind, "unfreeze"), Target(kind, name)
    placed = list(freezes.placed(target))
    if not placed:
        messages.warning(request, f"No freeze of {freezes.title(kind, name)} was in force.")
        return redirect("connections:freeze")
    if request.method == "POST" and (done := relax_with_reason(request, verb, target)):
        return _after(done, request, "unfroze", kind, name)
    context = {
        "title": f"Unfreeze {freezes.title(kind, name)}",
        "action": reverse("connections:unfreeze", args=[kind, name]),
        "back": reverse("connections:freeze"),
        "crumbs": [{"text": "Frozen access", "url": reverse("connections:freeze")}],
        "standing": [_placed_in_words(one) for one in placed],
        "effects": ["What other freezes and suspensions stop stays stopped."],
    }
    return relax_form(request, verb, target, context)


def _placed_in_words(one: Freeze) -> str:
    by, since = one.by_name or one.by, account_names.minute(one.since)
    return f"Frozen by {by} since {since}: {one.reason or 'no reason was given'}"


@require_POST
def freeze_me(request: HttpRequest) -> HttpResponseBase:
    """One click for people who find their own session or agent taken over."""
    me = actor(request)
    done = _freeze(request, "freeze", FrozenKind.PERSON, me.sub)
    if done is not None:
        messages.success(request, "You froze every agent’s access to your accounts.")
    return redirect("connections:mine")


def _freeze(request: HttpRequest, act: str, kind: str, name: str) -> Performed | None:
    return decide(request, freezes.verb_of(kind, act), Target(kind, name))


def _after(
    done: Performed, request: HttpRequest, did: str, kind: str, name: str
) -> HttpResponseBase:
    if done.approval is not None:
        return redirect("approval", approval_id=done.approval.id)
    messages.success(request, f"You {did} {freezes.title(kind, name)}.")
    return redirect("connections:freeze")
