"""Home for operators: what needs a decision, what is on hold, which gateways do not answer."""

from __future__ import annotations

from collections.abc import Iterable

from approvals.views import open_work_for_person
from approvals.views.open_work_for_person import Waiting
from audit.recording.actors import Actor
from enforcement.component_kinds import called, noun
from enforcement.findings import decision_queue
from enforcement.gateways import instances, last_contact, unmonitored_gateways
from enforcement.gateways.unmonitored_gateways import Deaf
from enforcement.models import Asset, ConcludedEffect, Watch
from enforcement.views import effects_of_decisions
from portal.home.auditor import latest
from portal.home.panel_types import MOST, Button, Fact, Home, Line, Panel

_UNDECIDED = "/enforcement/?list=undecided"
_HOLDS = "/enforcement/?list=held"
_NOT_STOPPED = "/enforcement/?list=not_stopped"
_GATEWAYS = "/enforcement/fleet/"


def operator(me: Actor) -> Home:
    """What waits for a decision first."""
    undecided = decision_queue.undecided()
    rows = decision_queue.by_component(undecided)
    work = open_work_for_person.open_work()
    held, needs = Asset.objects.exclude(holder=""), work.needs
    unknown = unmonitored_gateways.everywhere()
    gateways = _gateways({one.instance for one in unknown if one.silent})
    deaf, differing = _deaf_gateways(unknown), _differing()
    waits = [*open_work_for_person.components(needs), *open_work_for_person.holds(work)]
    title = "No finding needs a decision"
    if waits:
        title = waits[0].text
    elif differing or deaf:
        title = (differing or deaf)[0].title
    return Home(
        title=title,
        lead=Button(waits[0].action, waits[0].url) if waits else None,
        facts=[*_facts(waits), *([] if work.stuck else _on_hold(held.count())), *_silent(gateways)],
        panels=[
            *deaf,
            *differing,
            Panel(
                "Needs a decision",
                [_component(one) for one in decision_queue.components(rows[:MOST], undecided)],
                "Every HIGH and CRITICAL finding has a decision or a waiting request.",
                _UNDECIDED,
                "View all",
                foot=f"{needs.total - MOST:,} more." if needs.total > MOST else "",
            ),
            *_not_stopping(),
            latest(),
            Panel(
                "On hold",
                _holds(held.order_by("held_at")[:MOST]),
                "Nothing is on hold.",
                _HOLDS,
                "View all",
                narrow=True,
            ),
            Panel(
                "Gateways",
                gateways,
                "No gateway is registered.",
                _GATEWAYS,
                "View all",
                narrow=True,
            ),
        ],
    )


def gateways_for_admins(me: Actor) -> Home:
    """What needs a decision of operators, and gateways of which something is not known; empty
    for who is an operator, too, since that part has both."""
    if "operator" in me.roles:
        return Home()
    waits = open_work_for_person.components(decision_queue.count_undecided())
    deaf = _deaf_gateways(unmonitored_gateways.everywhere())
    title, lead = "", None
    if waits:
        title, lead = waits[0].text, Button("View the findings", waits[0].url)
    elif deaf:
        title, lead = deaf[0].title, Button("View the gateways", _GATEWAYS)
    return Home(title=title, lead=lead, facts=_facts(waits, "warn"), panels=deaf)


def _counted(count: int, one: str) -> str:
    return f"{count:,} {one}{'' if count == 1 else 's'}"


def personal(me: Actor) -> Home:
    """What waits for this person as for everybody; home of admins leads with the reviews. Members
    read it in the panel below their title."""
    if not me.roles:
        return Home()
    reviews = open_work_for_person.reviews(me)
    facts = _facts([*reviews, *open_work_for_person.accounts(me)])
    if not reviews or "admin" not in me.roles:
        return Home(facts=facts)
    return Home(title=reviews[0].text, lead=Button(reviews[0].action, reviews[0].url), facts=facts)


def _facts(waits: Iterable[Waiting], tone: str = "") -> list[Fact]:
    """What waits, as figures of Home."""
    return [Fact(one.text[:1].upper() + one.text[1:], one.url, tone) for one in waits]


def _on_hold(count: int) -> list[Fact]:
    return [Fact(f"{count:,} on hold", _HOLDS)] if count else []


def _silent(gateways: list[Line]) -> list[Fact]:
    away = sum(line.badge == "offline" for line in gateways)
    words = f"{_counted(away, 'gateway')} not answering"
    return [Fact(words, _GATEWAYS, "warn")] if away else []


def _deaf_gateways(unknown: list[Deaf]) -> list[Panel]:
    """Gateways of which something is not known; no panel where all is known."""
    lines = [
        Line(
            one.why if one.why.startswith(one.instance) else f"{one.instance}: {one.why}",
            "/enforcement/fleet/",
            one.since,
            badge=one.state,
            detail=f"Not known: {one.unknown}.",
        )
        for one in unknown
    ]
    title = "Gateways that do not answer or are not read"
    return [Panel(title, lines[:MOST], "", "/enforcement/fleet/", "All gateways")] if lines else []


def _differing() -> list[Panel]:
    """Gateways where a decision comes to something else than when it was acknowledged; no panel
    where there is none."""
    found = ConcludedEffect.objects.filter(differs=True).order_by("-since")
    lines = [
        Line(
            f"{called(one.kind, one.name)} at {one.instance}",
            f"/enforcement/{one.kind}/{one.name}/",
            one.since,
            severity="MEDIUM" if one.wanted == "allow" else "HIGH",
            detail=" ".join(one.sentences),
        )
        for one in found[:MOST]
    ]
    url, action = "/audit/?action=effect.differs", "Every such change"
    title = "Decisions whose effect at a gateway changed"
    return [Panel(title, lines, "", url, action, foot=_more(found.count()))] if lines else []


def _not_stopping() -> list[Panel]:
    """How many holds and blocks do not stop every agent, by why that is, and what helps; no panel
    where there is none."""
    found = effects_of_decisions.not_fully_stopped()
    groups = effects_of_decisions.by_reason(found)
    lines = [
        Line(reason.why, _NOT_STOPPED, count=f"{len(items):,}", detail=reason.helps)
        for reason, items in groups[:MOST]
    ]
    left = sum(len(items) for _, items in groups[MOST:])
    title = f"Agents may get past {len(found):,} holds and blocks"
    if len(found) == 1:
        title = "Agents may get past 1 hold or block"
    foot = f"{left:,} more for other reasons." if left else ""
    return [Panel(title, lines, "", _NOT_STOPPED, "View all", low=True, foot=foot)] if lines else []


def _more(count: int) -> str:
    """What a panel leaves out, as its last line; empty where it shows all."""
    return f"{count - MOST:,} more changed." if count > MOST else ""


def _component(one: decision_queue.Component) -> Line:
    """A component that needs a decision, with its gravest finding; else that finding."""
    found = one.gravest
    if not one.decidable:
        page = f"/enforcement/findings/{found.pk}/"
        tag, detail = noun(found.kind), f"on {one.gateways}"
        return Line(found.title, page, found.at, found.severity, detail=detail, tag=tag)
    page = f"/enforcement/{found.kind}/{found.name}/"
    more = f" and {one.more:,} more" if one.more else ""
    return Line(
        found.name,
        page,
        found.at,
        found.severity,
        detail=f"{found.title}{more} · on {one.gateways}",
        tag=noun(found.kind),
        action="Block or allow…",
        action_url=f"{page}#decide",
    )


def _holds(held: Iterable[Asset]) -> list[Line]:
    return [
        Line(
            asset.name,
            f"/enforcement/{asset.kind}/{asset.name}/",
            asset.held_at,
            detail=asset.hold_reason,
            tag=noun(asset.kind),
        )
        for asset in held
    ]


def _gateways(silent: set[str]) -> list[Line]:
    """Each registered gateway, those that do not answer first."""
    fleet, watches = instances.fleet(), {one.name: one for one in Watch.objects.exclude(name="")}
    heard = last_contact.everywhere(fleet, watches)
    lines = []
    for instance in fleet.with_outposts:
        found = heard[instance.name]
        state = "offline" if instance.name in silent else found.state
        detail = "" if state else "not asked yet"
        lines.append(Line(instance.name, _GATEWAYS, found.at, badge=state, detail=detail))
    return sorted(lines, key=lambda line: (line.badge != "offline", line.text))[:MOST]
