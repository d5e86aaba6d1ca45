"""Views of enforcement: operators decide, auditors and admins read, members are refused."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import never_cache
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_safe,
)

from accounts.permissions import actor, needs_role
from approvals import clock, policy, registry
from approvals.errors import NothingToDo, Refused
from approvals.pipeline.service import Performed, perform
from audit.importing import decision_tag_hmac
from audit.recording.actors import Actor, Target
from enforcement import known_component_names
from enforcement.component_kinds import KINDS, called, noun
from enforcement.decisions import decision_severity, stored_decisions_and_holds
from enforcement.decisions.hold_and_release_at_gateway import is_hold
from enforcement.effects.all_agents_summary import Overall
from enforcement.effects.gateway_facts import agent_label
from enforcement.findings import decision_queue
from enforcement.gateways import attempt_tags, decided_and_enforced_state, instances
from enforcement.gateways.client import Gateway, GatewayError
from enforcement.gateways.decided_and_enforced_state import At
from enforcement.gateways.effects_at_gateways import INSTALLED
from enforcement.models import Decision, Finding, FindingStatus, Scan
from enforcement.models.scan_and_finding import COUNTING
from enforcement.views import component as asset_page
from enforcement.views import effects_of_decisions, finding_hold_and_decision_lists
from enforcement.views import fleet as fleet_page
from enforcement.views.decide_form import DecideForm
from ui.refused_request_audit_flag import tell
from ui.times import duration

reads = needs_role("operator", "auditor", "admin")
_LONGEST_REASON = 300
"""Characters of a gateway's reason that a page shows."""
_ADMISSION: Final = {
    "allowed": "Would admit it without a scan.",
    "blocked": "Would refuse to admit it.",
    "clean": "Would admit it.",
    "rejected": "Would refuse to admit it.",
    "scan": "Would scan it first.",
    "warning": "Would admit it with a warning.",
    "": "Its answer has no verdict.",
}
"""DefenseClaw's verdicts about admission in words."""
_UNKNOWN_VERDICT: Final = "Answered with a verdict that this portal does not know."


@require_safe
@never_cache
@reads
def index(request: HttpRequest) -> HttpResponse:
    """Findings by severity, what is on hold, what is blocked and allowed."""
    lists = finding_hold_and_decision_lists
    by, needs = lists.Filter.read(request.GET), decision_queue.count_undecided()
    roles, (stuck, on_hold) = actor(request).roles, stored_decisions_and_holds.count_stuck()
    open_to_agents = effects_of_decisions.not_fully_stopped()
    held = lists.held(by.q) if by.list == "held" else []
    decided = _decided(by.list, by.q)
    not_stopped = lists.not_stopped(open_to_agents, by.q) if by.list == "not_stopped" else []
    not_stopped_count = sum(len(items) for _, items in not_stopped)
    context: dict[str, Any] = {
        "by": by,
        "needs": needs,
        "tabs": lists.tabs(by, needs, len(open_to_agents)),
        "held": held,
        "not_stopped": not_stopped,
        "not_stopped_count": not_stopped_count,
        "decided": decided,
        "shown": len(held) + len(decided) + not_stopped_count,
        "this_list": [("list", by.list)],
        "waiting": lists.unfinished(),
        "stuck": stuck,
        "on_hold": on_hold,
        "may_decide": "operator" in roles,
        "by_outpost": "admin" in roles and any(reason.by_outpost for reason, _ in not_stopped),
        "here": request.get_full_path(),
    }
    if by.list in lists.OF_FINDINGS:
        context |= _findings(by)
    context["moved"] = bool(by.list == "held" and request.headers.get("HX-Request"))
    name = "enforcement/_held.html#list" if context["moved"] else "enforcement/index.html"
    answer = render(request, name, context, status=422 if by.mistakes else 200)
    patch_vary_headers(answer, ["HX-Request"])
    return answer


def _findings(by: finding_hold_and_decision_lists.Filter) -> dict[str, Any]:
    """A page of findings by their components, or of components that need a decision."""
    lists, found = finding_hold_and_decision_lists, by.findings()
    undecided = by.list == "undecided"
    rows = decision_queue.by_component(found) if undecided else lists.ordered(found)
    page = Paginator(rows, lists.PAGE).get_page(by.before or 1)
    components = decision_queue.components(page, found) if undecided else []
    return {
        "of_findings": True,
        "chips": lists.chips(by),
        "facets": lists.facets(by),
        "kept": [*by.chosen.items(), *([("list", by.list)] if by.list != "findings" else [])],
        "groups": [] if undecided else lists.grouped(page),
        "components": lists.with_decisions(components),
        "older_url": by.url(page=str(page.next_page_number())) if page.has_next() else "",
        "newer_url": by.url(page=str(page.previous_page_number())) if page.has_previous() else "",
        **lists.extent(found),
    }


def _decided(name: str, q: str) -> list[dict[str, object]]:
    wanted = {"blocked": Decision.BLOCK, "allowed": Decision.ALLOW}.get(name)
    if wanted is None:
        return []
    lists = finding_hold_and_decision_lists
    rows = lists.matching(lists.decided(wanted), q)
    return lists.with_people_and_effects(rows, wanted)


@require_safe
@never_cache
@reads
def fleet(request: HttpRequest) -> HttpResponse:
    """The registered gateways and how they are."""
    name, context = "enforcement/fleet.html", fleet_page.context(actor(request))
    if request.headers.get("HX-Request"):
        name += "#gateways"
        context["polled"] = True
    answer = render(request, name, context)
    patch_vary_headers(answer, ["HX-Request"])
    return answer


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@reads
def asset(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    """One thing: how it stands at each gateway, why, its story; a POST decides about it."""
    if request.method == "POST":
        return _decide(request, kind, name)
    chosen = request.GET.get("severity", "")
    context = asset_page.context(kind, name, actor(request), None, chosen)
    template = "enforcement/asset.html"
    if request.headers.get("HX-Target") == "acts":
        template = "enforcement/_decide.html#acts"
    elif request.headers.get("HX-Request"):
        template += "#state"
        context["polled"] = True
    answer = render(request, template, context)
    patch_vary_headers(answer, ["HX-Request"])
    return answer


def _decide(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    form, status = DecideForm(request.POST), 422
    if form.is_valid():
        said = form.cleaned_data
        verb, target = f"{kind}.{said['act']}", Target(kind, name, said["instance"])
        try:
            known_component_names.check(actor(request), verb, target, new=said["new"])
            done = perform(
                actor(request),
                verb,
                target,
                reason=said["reason"].strip(),
                severity=said["severity"] or None,
            )
        except NothingToDo as so:
            messages.info(request, f"Nothing was changed. {so.detail}")
            return redirect("enforcement-asset", kind=kind, name=name)
        except Refused as refused:
            tell(request, refused.code)
            form.add_error(None, refused.detail)
            status = 403 if refused.code == "not_permitted" else 422
        else:
            here = reverse("enforcement-asset", args=[kind, name])
            return _after(request, done, here, f"{called(kind, name)}: {said['act']}")
    context = asset_page.context(kind, name, actor(request), form)
    return render(request, "enforcement/asset.html", context, status=status)


def _after(request: HttpRequest, done: Performed, here: str, decided: str) -> HttpResponseRedirect:
    if done.approval is not None:
        return redirect("approval", approval_id=done.approval.pk)
    gateways = len({e.instance for e in done.effects})
    steps = "" if not gateways else f" One step for each of {gateways} gateways was queued."
    steps = steps if gateways != 1 else " One step for 1 gateway was queued."
    messages.success(request, f"Recorded: {decided}.{steps}")
    return redirect(here)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@reads
def finding(request: HttpRequest, pk: int) -> HttpResponse:
    """One finding; a POST acknowledges or dismisses it."""
    row = get_object_or_404(Finding.objects.select_related("scan"), pk=pk)
    if request.method == "POST":
        return _dispose(request, row)
    return render(request, "enforcement/finding.html", _finding_context(row, actor(request)))


def _dispose(request: HttpRequest, row: Finding) -> HttpResponse:
    here = _back(request.POST.get("back", ""))
    act, reason = request.POST.get("act", ""), request.POST.get("reason", "")[:2000].strip()
    try:
        if act not in {"acknowledge", "dismiss"}:
            raise Refused("bad_act", "Choose acknowledge or dismiss.")
        if act == "dismiss" and not reason:
            raise Refused("no_reason", "Say why it is dismissed: this is what people read later.")
        target = Target("alert", row.finding_id, row.instance)
        done = perform(actor(request), f"alert.{act}", target, reason=reason)
    except NothingToDo as so:
        messages.info(request, f"Nothing was changed. {so.detail}")
        return redirect(here)
    except Refused as refused:
        tell(request, refused.code)
        if refused.code == "not_permitted":
            raise PermissionDenied(refused.detail) from None
        messages.error(request, refused.detail)
        return redirect(here)
    return _after(request, done, here, f"finding “{row.title}”: {act}")


def _back(path: str) -> str:
    """Back to a page of enforcement, and to none other."""
    plain = path.startswith("/enforcement/") and "//" not in path and "\\" not in path
    return path if plain else "/enforcement/"


@require_GET
@never_cache
@reads
def preview(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    """Where agents can use it now, and what each gateway would answer to a new install; changes
    nothing."""
    everywhere = decided_and_enforced_state.everywhere(kind, name)
    states = decided_and_enforced_state.with_effects(everywhere, kind, name)
    fleet, latest = instances.fleet(), decision_severity.latest_scans(kind, name)
    scans, asked = {scan.instance: scan for scan in latest}, {one.name for one in fleet.asked}
    counting = {one.name for one in fleet.scope("")}
    page = reverse("enforcement-asset", args=[kind, name])
    roles = actor(request).roles
    context = {
        "said": [
            {"at": at}
            | (
                _admission(kind, name, at, scans.get(at.instance.name))
                if at.instance.name in asked
                else {}
            )
            for at in states
        ],
        "asked": clock.now() if asked else None,
        "kind": kind,
        "name": name,
        "noun": noun(kind),
        "answer": asset_page.use_now(
            [at for at in states if at.instance.name in counting], installed=kind in INSTALLED
        ),
        "pending": asset_page.pending(kind, name),
        "may_decide": "operator" in roles
        and any(at.use is None for at in states)
        and not decision_severity.why_undecidable(Target(kind, name)),
        "by_outpost": "admin" in roles
        and any(reason.by_outpost for at in states for reason, _ in at.reasons),
        "crumbs": [
            {"text": "Findings", "url": "/enforcement/"},
            {"text": called(kind, name), "url": page},
            {"text": "Use now and new installs"},
        ],
    }
    part = "#verdicts" if request.headers.get("HX-Request") else ""
    answer = render(request, f"enforcement/preview.html{part}", context)
    patch_vary_headers(answer, ["HX-Request"])
    return answer


def _admission(kind: str, name: str, at: At, scan: Scan | None) -> dict[str, str]:
    """What a gateway answers about a new install or registration."""
    try:
        known = (scan.severity, scan.findings) if scan else ("", -1)
        verdict, reason = Gateway(at.instance).preview(kind, name, *known)
    except GatewayError as trouble:
        return {"trouble": trouble.detail}
    ours = decided_and_enforced_state.counts_in_answer(at)
    own_words = "" if ours and is_hold(reason) else decision_tag_hmac.without(reason)
    return {
        "verdict": verdict,
        "reason": own_words[:_LONGEST_REASON],
        "ours": ours,
        "operation": attempt_tags.operation_of(reason, kind, name, at.instance.name),
        "answer": _ADMISSION.get(verdict, _UNKNOWN_VERDICT),
    }


def _finding_context(row: Finding, person: Actor) -> dict[str, Any]:
    """Everything the page shows."""
    crumbs = [{"text": "Findings", "url": "/enforcement/"}, {"text": row.title}]
    about: dict[str, Any] = {}
    is_undecided = decision_queue.undecided().filter(pk=row.pk).exists()
    if row.kind in KINDS:
        page = reverse("enforcement-asset", args=[row.kind, row.name])
        crumbs.insert(1, {"text": called(row.kind, row.name), "url": page})
        about = _decided_about(row, is_undecided=is_undecided)
    verb = registry.get("alert.dismiss")
    target = Target("alert", row.finding_id, row.instance)
    rule = policy.decide(person, verb, target, row.severity)
    return {
        **about,
        "finding": row,
        "crumbs": crumbs,
        "may_decide": "operator" in person.roles,
        "counts": row.status in COUNTING,
        "is_undecided": is_undecided,
        "may_be_decided": row.kind in KINDS
        and not decision_severity.why_undecidable(Target(row.kind, row.name)),
        "noun": noun(row.kind),
        "folder_of": agent_label(row.scan.agent) if row.kind in INSTALLED else "",
        "step_up": rule.kind == "require",
        "needs": policy.in_words(
            rule.as_json(), verb, duration(rule.within_s or settings.STEP_UP_EXPIRY_S)
        ),
    }


def _decided_about(row: Finding, *, is_undecided: bool) -> dict[str, Any]:
    """What is decided about the component of a finding, and what that leaves to do. The title
    `leads_with_decision` where the finding is open and needs none."""
    decided = asset_page.answer_of(row.kind, row.name)
    pending = asset_page.pending(row.kind, row.name)[:1]
    leaves_use = decided.get("use", Overall.STOPPED) != Overall.STOPPED
    in_force, counts = decided["form"] == "is", row.status in COUNTING and not is_undecided
    return {
        "decided": decided,
        "pending": pending,
        "leaves_use": leaves_use and counts,
        "is_answered": in_force and counts and not (pending or leaves_use),
        "leads_with_decision": row.status == FindingStatus.OPEN
        and counts
        and decided["form"] in {"is", "decided"},
    }
