"""What waits for a person next to approval requests, each in one sentence that Home, the list of
requests and the page where it is decided share."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from django.core.cache import cache
from django.urls import reverse

from approvals import clock
from approvals.views import inbox
from audit.ledger.format import safe_display
from audit.recording.actors import Actor
from connections.access_reviews import reviewer_permissions
from connections.consent import prompts_for_missing_connections
from connections.scopes import catalogue
from enforcement.component_kinds import called
from enforcement.decisions import stored_decisions_and_holds
from enforcement.effects.sentences import joined
from enforcement.findings import decision_queue
from enforcement.findings.decision_queue import Undecided

_FOR_S = 2
_KEY = "approvals.open_work"
_NAMED = 3
"""Services that a sentence names; of more it says how many."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """`text` is the sentence, `url` where it is decided, `action` the button that leads there."""

    text: str
    url: str
    action: str = "Decide…"


@dataclass(frozen=True, slots=True)
class OpenWork:
    """What waits for operators: components that need a decision, and holds that are `stuck`, since
    their requests have ended, of all `on_hold`; both 0 where none is."""

    needs: Undecided
    stuck: int
    on_hold: int


def open_work() -> OpenWork:
    """Counted now. The badge and the banner of the same page reuse these numbers."""
    work = OpenWork(decision_queue.count_undecided(), *stored_decisions_and_holds.count_stuck())
    cache.set(_KEY, work, _FOR_S)
    return work


def recent_open_work() -> OpenWork:
    """At most two seconds old: for the badge and the banner of every page, and for parts of pages
    that ask again every few seconds."""
    known: OpenWork | None = cache.get(_KEY)
    return known or open_work()


def for_person(me: Actor) -> list[Waiting]:
    """All of it, in the order of its weight."""
    own = [*reviews(me), *accounts(me)]
    first = denials(me)
    if "operator" not in me.roles:
        return [*first, *own]
    work = recent_open_work()
    return [*first, *components(work.needs), *own, *holds(work)]


def denials(me: Actor) -> list[Waiting]:
    """Denials of requests to this person that they have not confirmed."""
    found = list(inbox.unconfirmed_by(me).values_list("pk", flat=True))
    if not found:
        return []
    if len(found) == 1:
        url = reverse("approval", args=found)
        text = "1 denial needs your confirmation"
        return [Waiting(text=text, url=url, action="Confirm…")]
    url = f"{reverse('approvals')}#unconfirmed"
    text = f"{len(found):,} denials need your confirmation"
    return [Waiting(text=text, url=url, action="Confirm…")]


def components(needs: Undecided) -> list[Waiting]:
    """`3 components need a decision`."""
    if not needs.total:
        return []
    text = f"{needs.subject} need{'s' if needs.total == 1 else ''} a decision"
    return [Waiting(text=text, url="/enforcement/?list=undecided")]


def reviews(me: Actor) -> list[Waiting]:
    """Accounts that this person decides on in access reviews."""
    left = sum(left for _, left in reviewer_permissions.waiting_for(me, clock.now()))
    if not left:
        return []
    text = f"{left:,} accounts need your decision in access reviews"
    if left == 1:
        text = "1 account needs your decision in an access review"
    return [Waiting(text=text, url=reverse("connections:reviews"))]


def accounts(me: Actor) -> list[Waiting]:
    """Accounts that components need and this person has not connected."""
    found = prompts_for_missing_connections.open_for(me.iss, me.sub)
    if not found:
        return []
    services = sorted({catalogue.title(need.connection) for need in found})
    who = {called(need.kind, safe_display.short(need.name)) for need in found}
    what = f"your {joined(services)} account{'' if len(services) == 1 else 's'}"
    if len(services) > _NAMED:
        what = f"{len(services):,} accounts of yours"
    text = f"{who.pop()} needs {what}" if len(who) == 1 else f"{len(who):,} components need {what}"
    return [Waiting(text=text, url=reverse("connections:mine"), action="Connect…")]


def holds(work: OpenWork) -> list[Waiting]:
    """Holds that stay after their requests, as a part of all that is on hold."""
    if not work.stuck:
        return []
    ended = "its request has ended" if work.stuck == 1 else "their requests have ended"
    part = "" if work.stuck == work.on_hold else f", {work.stuck:,} of them"
    text = f"{work.on_hold:,} on hold{part} although {ended}"
    return [Waiting(text=text, url="/enforcement/?list=held")]


def version_of(waiting: Sequence[Waiting]) -> str:
    """Changes whenever a sentence does."""
    return hashlib.sha256(repr(waiting).encode()).hexdigest()[:8]
