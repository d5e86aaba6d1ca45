"""What a person's page shows, each part read from the app that keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from accounts.models import User
from accounts.sessions import service
from accounts.views.browser_names import in_words
from approvals import clock
from approvals.models import Person, Status
from approvals.passkeys import queries
from approvals.views import inbox
from approvals.views.passkey_rows import Row as PasskeyRow
from approvals.views.passkey_rows import rows as passkey_rows
from audit.ledger.query import EventQuery
from audit.models import EventRow
from audit.recording.actors import Actor
from audit.search import event_search
from audit.search.decisions_by_verified_human import REPORTED
from audit.views.actions_that_are_decisions import decision_actions
from audit.views.trail import operation_outcomes
from connections.access_reviews import reviewer_permissions
from connections.models import AccessState, AppAccess, Freeze, FrozenKind, Review
from connections.status import member_overview
from connections.status.member_overview import Card

LATEST = 8
"""Decisions of a person's page; the trail has all of them."""
_PAGE: Final = 200
_PAGES: Final = 6
"""Events read at a time, and how often: among others of that name, to find those of a person."""
_ANSWERS = ("approval.approved", "approval.denied")


@dataclass(frozen=True, slots=True)
class Live:
    """An account with the time until which the last token issued for it works.

    Attributes:
        endless: whether the provider named no end of that token, which may still work.
    """

    card: Card
    until: datetime | None
    endless: bool


@dataclass(frozen=True, slots=True)
class Role:
    """A role that the identity provider gave, and when the person first acted here with it."""

    name: str
    first_used: datetime | None


def accounts_of(person: Person) -> list[Live]:
    """Accounts by which agents can act as this person now: those that are held, and those that
    ended while a token issued before still works."""
    now = clock.now()
    cards = member_overview.cards(person.as_actor("web"), also_live_tokens=True)
    return [_live(card, now) for card in cards]


def _live(card: Card, now: datetime) -> Live:
    ends = card.account.last_token_expires_at
    return Live(card, ends if ends and ends > now else None, card.account.token_without_end)


def applications_of(person: Person) -> Sequence[AppAccess]:
    """Consents and refresh tokens by which applications act as this person at Auth0."""
    held = AppAccess.objects.filter(iss=person.iss, sub=person.sub)
    return list(held.exclude(state=AccessState.GONE))


def freezes_of(person: Person) -> Sequence[Freeze]:
    """Freezes of this person, the oldest first."""
    return list(Freeze.objects.filter(kind=FrozenKind.PERSON, name=person.sub).order_by("since"))


def decisions_of(person: Person) -> list[EventRow]:
    """The newest decisions and answers of this person, each with the outcome of its operation;
    not what gateways and Auth0 confirmed of them later."""
    asked = {"action": [*decision_actions(), *_ANSWERS], "-via": [REPORTED]}
    rows = event_search.newest_first(_acts_of(person, asked, LATEST))
    ends = operation_outcomes.came_to_rows(rows)
    for row in rows:
        row.outcome = ends.get(str(row.event), row.outcome)
    return rows


def requests_by(person: Person, viewer: Actor) -> list[inbox.Row]:
    """Requests of this person that wait, as far as the viewer may see them."""
    asked = inbox.visible(viewer).filter(
        status=Status.PENDING, requester_iss=person.iss, requester_sub=person.sub
    )
    return inbox.rows_of(asked.order_by("-created"), viewer)


def requests_to(person: Person, viewer: Actor) -> list[inbox.Row]:
    """Requests that wait for this person's answer, as far as the viewer may see them."""
    waiting = inbox.waiting_for(person.as_actor("web")).values("pk")
    found = inbox.visible(viewer).filter(pk__in=waiting).order_by("-created")
    return inbox.rows_of(found, viewer)


def reviews_of(person: Person) -> list[tuple[Review, int]]:
    """Open access reviews in which this person has something to decide, and how much."""
    return reviewer_permissions.waiting_for(person.as_actor("web"), clock.now())


def roles_of(person: Person) -> list[Role]:
    """Each role, with the first event here by this person with it."""
    return [Role(name, _first_used(person, name)) for name in person.roles]


def _first_used(person: Person, role: str) -> datetime | None:
    rows = _acts_of(person, {"role": [role], "order": ["oldest"]}, 1)
    return rows[0].time if rows else None


def _acts_of(person: Person, asked: Mapping[str, list[str]], limit: int) -> list[EventRow]:
    """Events of this very person: `actor` alone also finds who has that subject as a name, so more
    is read where such events come first."""
    key = person.subject.key
    query = EventQuery.parse({"actor": [person.sub], **asked})
    found: list[EventRow] = []
    for number in range(_PAGES):
        page = event_search.page(query, limit=_PAGE if number else limit, person=key)
        found += [row for row in page.rows if row.actor_key == key]
        if len(found) >= limit or not page.next_cursor:
            break
        query = query.at(page.next_cursor)
    return found[:limit]


def passkeys_of(person: Person) -> list[PasskeyRow]:
    """Passkeys that still sign, and what each counts for."""
    return passkey_rows(queries.usable(person.as_actor("web")))


def browsers_of(person: Person) -> list[str]:
    """Browsers in which this person is signed in here, by name alone."""
    user = User.objects.filter(iss=person.iss, sub=person.sub).first()
    found = service.of(user) if user else ()
    return sorted({in_words(session.user_agent) for session in found})
