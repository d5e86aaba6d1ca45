"""The queue: findings by severity, what is on hold, what is blocked and allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Q, QuerySet
from django.http import QueryDict

from approvals.models import Approval, Effect, EffectState, Status
from audit.importing import decision_tag_hmac
from audit.ledger.format.allowed_field_values import SEVERITIES
from enforcement.component_kinds import CALL, KINDS, noun
from enforcement.decisions.steps.later_decision_wins import STEPS
from enforcement.findings import decision_queue
from enforcement.gateways import instances
from enforcement.models import Asset, Decision, Finding, FindingStatus, Watch
from enforcement.views import effects_of_decisions
from enforcement.views.requester_and_approver import requested_and_approved

PAGE = 50
LISTS = ("findings", "undecided", "held", "blocked", "not_stopped", "allowed")
OF_FINDINGS = frozenset({"findings", "undecided"})
_FILTERS = ("severity", "kind", "instance", "status")


@dataclass(frozen=True, slots=True)
class Filter:
    """What a reader narrowed the findings down to; under a mistake nothing is shown."""

    list: str
    chosen: Mapping[str, str]
    q: str
    before: int
    mistakes: tuple[dict[str, str], ...]

    @classmethod
    def read(cls, params: QueryDict) -> Filter:
        """From the query string."""
        allowed = {
            "severity": set(SEVERITIES),
            "kind": {*KINDS, "code", CALL},
            "instance": {i.name for i in instances.fleet().with_outposts},
            "status": set(FindingStatus.values),
        }
        given = {key: params.get(key, "") for key in _FILTERS if params.get(key)}
        wrong = [key for key, value in given.items() if value not in allowed[key]]
        mistakes = [_mistake(key, given[key], allowed[key]) for key in wrong]
        named, page = params.get("list") or "findings", params.get("page", "")
        if named not in LISTS:
            mistakes.append(_mistake("list", named, set(LISTS)))
        return cls(
            list=named if named in LISTS else "findings",
            chosen={k: v for k, v in given.items() if k not in wrong},
            q=params.get("q", "").strip()[:200],
            before=int(page) if page.isascii() and page.isdecimal() and len(page) < 6 else 0,
            mistakes=tuple(mistakes),
        )

    def url(self, **changes: str) -> str:
        """The same filter with changes; an empty value drops a key."""
        wanted = {"list": self.list, **self.chosen, "q": self.q} | changes
        if wanted["list"] == "findings":
            del wanted["list"]
        return f"?{urlencode({k: v for k, v in wanted.items() if v})}"

    def findings(self, *, without: str = "") -> QuerySet[Finding]:
        """Matching findings; `without` leaves one filter out, for its facet counts."""
        chosen = {k: v for k, v in self.chosen.items() if k != without}
        status = chosen.pop("status", FindingStatus.OPEN)
        every = decision_queue.undecided() if self.list == "undecided" else Finding.objects.all()
        found = every.filter(**chosen)
        if without != "status":
            found = found.filter(decision_queue.with_status(status))
        if self.mistakes:
            return found.none()
        for word in self.q.split():
            found = found.filter(
                Q(name__icontains=word) | Q(title__icontains=word) | Q(rule__icontains=word)
            )
        return found


def with_decisions(findings: Iterable[Finding]) -> list[tuple[Finding, str, str]]:
    """Each with `held`, `blocked`, `allowed` or nothing: what was decided here and counts at its
    gateway. Of a hold or block also what it comes to for agents, in one word."""
    found = list(findings)
    named = Asset.objects.filter(name__in={one.name for one in found})
    by: dict[tuple[str, str], list[Asset]] = {}
    for asset in named.exclude(holder="", decision=Decision.NONE):
        by.setdefault((asset.kind, asset.name), []).append(asset)
    decided = [_strictest(by.get((one.kind, one.name), ()), one.instance) for one in found]
    restricting = {row.pk: row for word, row in decided if row and word != "allowed"}
    effects = effects_of_decisions.overall_of_each(restricting.values())
    return [
        (one, word, str(effects.get(row.pk, "")) if row else "")
        for one, (word, row) in zip(found, decided, strict=True)
    ]


def _strictest(assets: Iterable[Asset], instance: str) -> tuple[str, Asset | None]:
    """The word for the strictest decision that counts at a gateway, and its row."""
    here = [one for one in assets if one.instance in {"", instance}]
    for row in here:
        if row.holder:
            return "held", row
    for row in here:
        if row.decision == Decision.BLOCK:
            return "blocked", row
    return ("allowed", here[0]) if here else ("", None)


def _mistake(key: str, value: str, known: set[str]) -> dict[str, str]:
    """For `components/query_bar.html`."""
    values = ", ".join(sorted(known)) or "none is registered"
    near = next(iter(difflib.get_close_matches(value.lower(), map(str.lower, known), n=1)), "")
    return {
        "key": key,
        "message": f"there is no “{value[:60]}”. Use one of: {values}.",
        "nearest": next((one for one in known if one.lower() == near), ""),
    }


def chips(by: Filter) -> list[dict[str, Any]]:
    """The filters in force, each with the address that removes it."""
    found = [
        {"text": f"{key}: {value}", "remove_url": by.url(**{key: ""})}
        for key, value in by.chosen.items()
    ]
    if by.q:
        found.append({"text": f"“{by.q}”", "remove_url": by.url(q="")})
    return found


def facets(by: Filter) -> list[dict[str, Any]]:
    """Severity, kind, instance and status with counts."""
    order: dict[str, Iterable[str]] = {
        "severity": tuple(reversed(SEVERITIES)),
        "kind": (*KINDS, "code", CALL),
        "instance": [i.name for i in instances.fleet().with_outposts],
        "status": FindingStatus.values,
    }
    return [_facet(by, key, values) for key, values in order.items()]


def _facet(by: Filter, key: str, values: Iterable[str]) -> dict[str, Any]:
    counted = by.findings(without=key).values_list(key).annotate(n=Count("pk"))
    counts = dict(counted.order_by())
    if key == "status":
        is_open = decision_queue.with_status(FindingStatus.OPEN)
        counts[FindingStatus.OPEN] = by.findings(without=key).filter(is_open).count()
    on = by.chosen.get(key) or (str(FindingStatus.OPEN) if key == "status" else "")
    return {
        "label": key.capitalize(),
        "values": [
            {
                "text": _text(key, value),
                "count": counts.get(value, 0),
                "url": by.url(**{key: "" if value == by.chosen.get(key) else value}),
                "on": value == on,
            }
            for value in values
        ],
    }


def _text(key: str, value: str) -> str:
    if key == "status":
        return FindingStatus(value).label
    return noun(value) if key == "kind" else value.lower() if key == "severity" else value


def _fits(q: str, *texts: str) -> bool:
    """Whether every word of the search is in one of the texts."""
    whole = " ".join(texts).casefold()
    return all(word in whole for word in q.casefold().split())


def held(q: str = "") -> list[dict[str, Any]]:
    """On hold, oldest first, with the request that waits for it if there is one."""
    every = Asset.objects.exclude(holder="").order_by("held_at")
    rows = [row for row in every if _fits(q, row.kind, row.name, row.hold_reason, row.instance)]
    waiting = {
        str(a.pk): a
        for a in Approval.objects.filter(pk__in=[r.hold_approval for r in rows if r.hold_approval])
    }
    effects = effects_of_decisions.overall_of_each(rows)
    return [
        {
            "asset": row,
            "approval": _pending(waiting.get(row.hold_approval)),
            "effect": effects[row.pk],
        }
        for row in rows
    ]


def not_stopped(q: str = "") -> list[dict[str, Any]]:
    """Holds and blocks that do not stop every agent, as Home counts them."""
    return [
        {"asset": row, "effect": effect, "since": effects_of_decisions.since(row)}
        for row, effect in effects_of_decisions.not_fully_stopped()
        if _fits(q, row.kind, row.name, row.hold_reason, row.reason, row.instance)
    ]


def _pending(approval: Approval | None) -> Approval | None:
    return approval if approval and approval.status == Status.PENDING else None


def matching(rows: list[dict[str, Any]], q: str) -> list[dict[str, Any]]:
    """Those of `decided` that the search fits."""
    reasons = ((row, row["asset"].reason if row.get("asset") else row["reason"]) for row in rows)
    return [row for row, why in reasons if _fits(q, row["kind"], row["name"], row["where"], why)]


def decided(decision: Decision) -> list[dict[str, Any]]:
    """Decided here, then what gateways list without a decision of ours."""
    ours = [
        {"kind": row.kind, "name": row.name, "where": row.instance, "asset": row}
        for row in Asset.objects.filter(decision=decision).order_by("-decided_at")[:500]
    ]
    known = {(row["kind"], row["name"]) for row in ours}
    known |= set(Asset.objects.exclude(holder="").values_list("kind", "name"))
    theirs = [
        {
            "kind": line["kind"],
            "name": line["name"],
            "where": watch.name,
            "reason": decision_tag_hmac.without(line["reason"]),
        }
        for watch in Watch.objects.exclude(name="").order_by("name")
        for line in (watch.blocked if decision == Decision.BLOCK else watch.allowed)
        if (line["kind"], line["name"]) not in known and line["kind"] in KINDS
    ]
    return ours + theirs


def with_people_and_effects(rows: list[dict[str, Any]], decision: Decision) -> list[dict[str, Any]]:
    """The rows of `decided`: those decided here with who requested and approved them, and a block
    with what it comes to in one word."""
    ours = [row["asset"] for row in rows if "asset" in row]
    approved = requested_and_approved(ours)
    blocks = decision == Decision.BLOCK
    effects = effects_of_decisions.overall_of_each(ours) if blocks else {}
    keys = ((row, row["asset"].pk if "asset" in row else 0) for row in rows)
    return [row | {"approved": approved.get(pk), "effect": effects.get(pk)} for row, pk in keys]


def tabs(by: Filter) -> list[dict[str, Any]]:
    """The lists with their counts; without one where it takes the effect of every decision."""
    counts = {
        "findings": Finding.objects.filter(decision_queue.with_status(FindingStatus.OPEN)).count(),
        "undecided": decision_queue.undecided().count(),
        "held": Asset.objects.exclude(holder="").count(),
        "blocked": len(decided(Decision.BLOCK)),
        "allowed": len(decided(Decision.ALLOW)),
    }
    labels = {
        "findings": "All open",
        "undecided": "Need a decision",
        "held": "On hold",
        "blocked": "Blocked",
        "not_stopped": "Not fully stopped",
        "allowed": "Allowed",
    }
    return [
        {
            "label": labels[name],
            "url": "/enforcement/" if name == "findings" else f"/enforcement/?list={name}",
            "current": by.list == name,
            "count": counts.get(name, 0),
        }
        for name in LISTS
    ]


def unfinished() -> int:
    """Steps that a gateway still has to acknowledge."""
    waiting = Effect.objects.filter(kind__in=STEPS)
    return waiting.filter(state__in=[EffectState.PENDING, EffectState.UNKNOWN]).count()
