"""What matters to a person now: each role adds its part, connections are everybody's.

A part that cannot be read says so on the page instead of taking home down, since home is where
people go when something is wrong.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from approvals.person_access_ends import end_in_words
from approvals.views import inbox, open_work_for_person
from audit.recording.actors import Actor
from portal.home.auditor import auditor
from portal.home.changes_without_decision import unclaimed
from portal.home.connection_panels import admin, mine, own_freeze
from portal.home.first_steps import first_steps
from portal.home.gateway_settings import changed_settings
from portal.home.operator import gateways_for_admins, operator, personal
from portal.home.panel_types import Button, Fact, Home, Panel
from portal.home.scope_escalation import watch

log = logging.getLogger("ui")

type Part = Callable[[Actor], Home]

_BY_ROLE: tuple[tuple[str, str, Part], ...] = (
    ("admin", "First steps", first_steps),
    ("operator", "Enforcement", operator),
    ("auditor", "The audit trail", auditor),
    ("operator", "Changes without a decision", unclaimed),
    ("admin", "Changes without a decision", unclaimed),
    ("operator", "Gateway settings", changed_settings),
    ("admin", "Gateway settings", changed_settings),
    ("", "Waiting for you", personal),
    ("admin", "Gateways", gateways_for_admins),
    ("admin", "Accounts", admin),
    ("operator", "Excess requests", watch),
    ("admin", "Excess requests", watch),
)
"""Role, empty for everybody, and its part: the first that has a title leads."""


def home(me: Actor) -> Home:
    """Home of this person."""
    parts = [_safely("Approvals", waiting, me), _safely("Your access", access_end, me)]
    parts.append(_safely("Your access", own_freeze, me))
    roles = {"", *me.roles}
    parts += [_safely(title, part, me) for role, title, part in _BY_ROLE if role in roles]
    parts.append(_safely("Your accounts", mine, me))
    opening = next((part for part in parts if part.title), Home())
    facts = {fact.text: fact for part in parts for fact in part.facts}
    return Home(
        for_me=[row for part in parts for row in part.for_me],
        title=opening.title,
        lead=opening.lead,
        facts=[fact for text, fact in facts.items() if text != opening.title],
        steps=next((part.steps for part in parts if part.steps), []),
        buttons=[button for part in parts for button in part.buttons],
        panels=_ordered({p.title: p for part in parts for p in part.panels}.values()),
    )


def _ordered(panels: Iterable[Panel]) -> list[Panel]:
    """What still needs something stands above what is there to know."""
    return sorted(panels, key=lambda panel: panel.low)


def _safely(title: str, part: Part, me: Actor) -> Home:
    try:
        return part(me)
    except Exception:
        log.exception("home could not read: %s", title)
        return Home(panels=[Panel(title, [], "This could not be read just now.", failed=True)])


def access_end(me: Actor) -> Home:
    """When this person's roles end, or that they have."""
    text = end_in_words.sentence_for_owner(me.iss, me.sub)
    return Home(facts=[Fact(text.removesuffix("."), "/account/", "warn")] if text else [])


def waiting(me: Actor) -> Home:
    """What waits for this person's answer; the part of home that moves."""
    rows, denials = inbox.inbox(me).for_me, open_work_for_person.denials(me)
    facts = [Fact(one.text, one.url) for one in denials]
    if rows:
        title = f"{len(rows):,} requests need your answer"
        title = "1 request needs your answer" if len(rows) == 1 else title
        return Home(for_me=rows, title=title, facts=facts)
    if not denials:
        return Home()
    first = denials[0]
    return Home(title=first.text, lead=Button(first.action, first.url), facts=facts)
