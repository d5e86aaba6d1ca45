"""The queue: findings by severity, what is on hold, what is blocked and allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final
from urllib.parse import urlencode

from django.db.models import Count, F, Max, Q, QuerySet, Window
from django.http import QueryDict

from approvals.models import Approval, Effect, EffectState, Status
from audit.importing import decision_tag_hmac
from audit.ledger.format.allowed_field_values import SEVERITIES
from enforcement.component_kinds import CALL, KINDS, noun
from enforcement.decisions import stored_decisions_and_holds
from enforcement.decisions.steps.later_decision_wins import STEPS
from enforcement.effects.all_agents_summary import Overall, clause_after_decision
from enforcement.effects.remedies import Reason
from enforcement.effects.sentences import joined
from enforcement.findings import decision_queue
from enforcement.findings.decision_queue import Component, Undecided
from enforcement.gateways import instances
from enforcement.gateways.effects_at_gateways import INSTALLED
from enforcement.models import Asset, Decision, Finding, FindingStatus, Watch
from enforcement.views import effects_of_decisions
from enforcement.views.effects_of_decisions import NotStopped
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


@dataclass(frozen=True, slots=True)
class Group:
    """A component, what is decided about it, and those of its findings that a page has."""

    kind: str
    name: str
    findings: list[Finding]
    decided: str


def ordered(found: QuerySet[Finding]) -> QuerySet[Finding]:
    """Findings by their components: the one with the gravest first, then with the newest."""
    component = [F("kind"), F("name")]
    worst = Window(Max("rank"), partition_by=component)
    newest = Window(Max("at"), partition_by=component)
    rows = found.annotate(worst=worst, newest=newest)
    return rows.order_by("-worst", "-newest", "kind", "name", "-rank", "-at", "-id")


def grouped(findings: Iterable[Finding]) -> list[Group]:
    """Findings in the order of `ordered`, by component."""
    by = [(key, list(some)) for key, some in groupby(findings, key=lambda f: (f.kind, f.name))]
    words = decided_in_words((*key, sorted({f.instance for f in some})) for key, some in by)
    return [Group(*key, some, said) for (key, some), said in zip(by, words, strict=True)]


def with_decisions(components: Sequence[Component]) -> list[tuple[Component, str]]:
    """Components that need a decision, each with what is decided about it so far."""
    things = ((one.gravest.kind, one.gravest.name, one.at) for one in components)
    return list(zip(components, decided_in_words(things), strict=True))


def decided_in_words(things: Iterable[tuple[str, str, Sequence[str]]]) -> list[str]:
    """What is decided here about each kind and name at these gateways and, of a hold or block, what
    it comes to for agents; empty for what nothing is decided about."""
    wanted = list(things)
    named = Asset.objects.filter(name__in={name for _, name, _ in wanted})
    by: dict[tuple[str, str], list[Asset]] = {}
    for asset in named.exclude(holder="", decision=Decision.NONE, decided_at=None):
        by.setdefault((asset.kind, asset.name), []).append(asset)
    every = [row for kind, name, _ in wanted for row in by.get((kind, name), ())]
    restricting = (row for row in every if row.holder or row.decision == Decision.BLOCK)
    effects, fleet = effects_of_decisions.overall_of_each(restricting), instances.fleet()
    scopes = {one: fleet.scope_of(one) for _, _, at in wanted for one in at}
    return [
        _decided_in_words(by.get((kind, name), []), {one: scopes[one] for one in at}, effects)
        if kind in KINDS
        else ""
        for kind, name, at in wanted
    ]


def _decided_in_words(
    rows: Sequence[Asset], scopes: Mapping[str, str], effects: Mapping[int, Overall]
) -> str:
    if not any(row.holder or row.decision != Decision.NONE for row in rows):
        return "No decision"
    without, said = [], []
    for instance, scope in scopes.items():
        word, row = _counting(rows, instance, scope)
        if row is None:
            without.append(instance)
        else:
            said.append(_decision_in_words(word, row, effects.get(row.pk)))
    if without:
        said.append(f"No decision for {joined(without)}")
    return ". ".join(dict.fromkeys(said))


def _decision_in_words(word: str, row: Asset, effect: Overall | None) -> str:
    where = f" at {row.instance}" if row.instance else ""
    decided = {"held": "On hold", "blocked": "Blocked", "allowed": "Allowed"}[word] + where
    if effect is None or word == "allowed":
        return decided
    return decided + clause_after_decision(effect, installed=row.kind in INSTALLED, where=where)


_WORDS: Final[dict[str, str]] = {Decision.BLOCK: "blocked", Decision.ALLOW: "allowed"}


def _counting(assets: Iterable[Asset], instance: str, scope: str) -> tuple[str, Asset | None]:
    """The word for the decision that counts at a gateway, and its row: what was decided for this
    gateway counts first, and nothing decided for all counts at a DEMO gateway next to others."""
    rows = {one.instance: one for one in assets}
    for row in (rows.get(instance), rows.get(scope)):
        if row is not None and row.holder:
            return "held", row
    row = stored_decisions_and_holds.decisive(rows, instance, scope)
    word = _WORDS.get(row.decision, "") if row is not None else ""
    return (word, row) if word else ("", None)


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


def not_stopped(
    found: Iterable[tuple[Asset, Overall]], q: str = ""
) -> list[tuple[Reason, list[NotStopped]]]:
    """Holds and blocks that do not stop every agent, as Home counts them, by why that is."""
    return effects_of_decisions.by_reason(
        (row, effect)
        for row, effect in found
        if _fits(q, row.kind, row.name, row.hold_reason, row.reason, row.instance)
    )


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


def extent(found: QuerySet[Finding]) -> dict[str, Any]:
    """How many findings these are, and in how many components, as a title continues."""
    number, about = found.count(), found.filter(kind__in=KINDS)
    some = about.count()
    components = about.order_by().values("kind", "name").distinct().count()
    within = f" in {components:,} component{'' if components == 1 else 's'}"
    if some < number:
        within = f", {some:,} of them{within}" if some else ""
    return {"number": number, "within": within if number else ""}


def tabs(by: Filter, needs: Undecided, open_to_agents: int) -> list[dict[str, Any]]:
    """The lists with their counts: `open_to_agents` of what is not fully stopped."""
    counts = {
        "findings": Finding.objects.filter(decision_queue.with_status(FindingStatus.OPEN)).count(),
        "undecided": needs.total,
        "held": Asset.objects.exclude(holder="").count(),
        "blocked": len(decided(Decision.BLOCK)),
        "not_stopped": open_to_agents,
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
