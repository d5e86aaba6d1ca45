"""Why something is asked: the requester's reason and the finding behind it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q
from django.urls import reverse

from approvals.erasure import erase_and_legal_hold
from approvals.models import Approval, Outcome, Status
from audit.erasure import subject_and_store_registry
from audit.recording.actors import Actor
from connections.lifecycle import bulk_decisions
from enforcement.component_kinds import KINDS
from enforcement.decisions import decision_severity
from enforcement.effects.all_agents_summary import Overall
from enforcement.effects.remedies import Reason
from enforcement.models import Asset, Decision, Finding
from enforcement.views import effects_of_decisions
from ui import person_links

_MAY_LOOK = frozenset({"auditor", "operator", "admin"})


@dataclass(frozen=True, slots=True)
class Because:
    """`reason` as it was given; `finding` the gravest one, `more` how many others count;
    `effect` what its hold, or the block that was approved, comes to now, once the request is over,
    and `not_stopped` why use goes on;
    `accounts` the id and words of each where it is about several; `person` and `person_url` whom a
    request by subject key is about, for those who may see them."""

    reason: str
    finding: Finding | None = None
    more: int = 0
    url: str = ""
    effect: str = ""
    not_stopped: Reason | None = None
    accounts: tuple[tuple[str, str], ...] = ()
    person: str = ""
    person_url: str = ""


def because(approval: Approval, viewer: Actor) -> Because:
    """The reason; for what scanners check, also the finding that it is for; for a person who is
    named by key alone, also their name."""
    if approval.target_kind == bulk_decisions.KIND:
        return Because(approval.reason, accounts=tuple(bulk_decisions.listed(approval.params)))
    if approval.target_kind == erase_and_legal_hold.KIND:
        return _about_person(approval, viewer)
    if approval.target_kind not in KINDS:
        return Because(approval.reason)
    found = decision_severity.open_findings(approval.target_kind, approval.target_name)
    named = str(approval.params.get("finding_id") or "")
    chosen = decision_severity.find_finding(named, approval.target_instance) if named else None
    chosen = chosen or (found[0] if found else None)
    others = sum(chosen is not None and f.pk != chosen.pk for f in found)
    url, effect, why = "", "", None
    if viewer.roles & _MAY_LOOK:
        url = reverse("enforcement-asset", args=[approval.target_kind, approval.target_name])
        if approval.status == Status.CLOSED:
            effect, why = _effect_now(approval)
    return Because(approval.reason, chosen, others, url, effect, why)


def _effect_now(approval: Approval) -> tuple[str, Reason | None]:
    """The word of Home and of the lists for it, empty where neither is in force; and the first
    reason why use goes on."""
    its = Q(hold_approval=str(approval.pk)) & ~Q(holder="")
    if approval.outcome == Outcome.APPROVED and approval.verb.endswith(".block"):
        its |= Q(decision=Decision.BLOCK)
    where = {"name": approval.target_name, "instance": approval.target_instance}
    row = Asset.objects.filter(its, kind=approval.target_kind, **where).first()
    if row is None:
        return "", None
    effect = effects_of_decisions.overall_of_each([row])[row.pk]
    if effect == Overall.STOPPED:
        return str(effect), None
    return str(effect), next(iter(effects_of_decisions.reasons_of_each([row])[row.pk]), None)


def _about_person(approval: Approval, viewer: Actor) -> Because:
    if not viewer.roles & _MAY_LOOK:
        return Because(approval.reason)
    whose = subject_and_store_registry.identify(approval.target_name)
    links = [person_links.page_of_subject(viewer, iss, sub) for iss, sub in whose.people]
    name = whose.name or whose.email or next((sub for _, sub in whose.people), "")
    return Because(approval.reason, person=name, person_url=next(filter(None, links), ""))
