"""What goes on after somebody was offboarded, and until when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from approvals import clock, people_and_roles
from approvals.models import Person
from approvals.pipeline import leavers_requests
from connections import account_names
from connections.access_reviews import (
    effective_reviewers,
    reassign_reviewer,
    reviewer_permissions,
)
from connections.access_reviews.effective_reviewers import Identity, identity_of
from connections.application_grants import consent_and_token_revocation
from connections.models import ConnectedAccount, Review, Reviewers, State
from connections.scopes import catalogue
from portal.people import offboarding_steps, person_facts


@dataclass(frozen=True, slots=True)
class Remaining:
    """One thing that goes on; `until` is None where no end is known."""

    text: str
    until: datetime | None = None
    url: str = ""


def of(person: Person) -> list[Remaining]:
    """Everything that we know of, the nearest end first, then what has none here."""
    found = [
        *_tokens(person),
        *_requests(person),
        *_accounts(person),
        *_applications(person),
        *_consents_at_providers(person),
        *_reviews(person),
    ]
    ends = sorted((one for one in found if one.until), key=lambda one: one.until or clock.now())
    return [*ends, *(one for one in found if not one.until), *_not_ours(person)]


def _tokens(person: Person) -> list[Remaining]:
    return [
        Remaining(
            f"A token that was issued for the {account_names.in_words(one.card.account)} works",
            one.until,
            f"/connections/{one.card.account.pk}/",
        )
        for one in person_facts.accounts_of(person)
        if one.until
    ]


def _requests(person: Person) -> list[Remaining]:
    held = [
        Remaining(
            f"Their request waits: {approval.sentence}. "
            f"{leavers_requests.why_not_withdrawn(approval)}",
            approval.expires_at,
            f"/approvals/{approval.pk}/",
        )
        for approval in offboarding_steps.requests_by(person)
    ]
    asked = [
        Remaining(
            f"They are asked for an answer: {approval.sentence}",
            approval.expires_at,
            f"/approvals/{approval.pk}/",
        )
        for approval in offboarding_steps.requests_to(person)
    ]
    return [*held, *asked]


def _accounts(person: Person) -> list[Remaining]:
    asked = offboarding_steps.asked_to_revoke(person)
    own = ConnectedAccount.objects.filter(iss=person.iss, sub=person.sub)
    found = []
    for account in own.exclude(state__in=[State.REVOKED, State.GONE]).order_by("pk"):
        words = account_names.in_words(account)
        if str(account.pk) in asked:
            text = f"The {words} is suspended until its revocation is approved"
        elif account.state == State.REVOCATION_PENDING:
            text = f"Auth0 holds the {words} until they visit again, which they may never do"
        else:
            text = f"The {words} is not revoked"
        found.append(Remaining(text, url=f"/connections/{account.pk}/"))
    return found


def _applications(person: Person) -> list[Remaining]:
    return [
        Remaining(
            f"The {consent_and_token_revocation.in_words(row)}: {row.get_state_display()}",
            row.expires_at,
            "/connections/access/?all=1",
        )
        for row in person_facts.applications_of(person)
    ]


def _consents_at_providers(person: Person) -> list[Remaining]:
    """What each provider keeps of an account, whatever was revoked here and at Auth0."""
    own = ConnectedAccount.objects.filter(iss=person.iss, sub=person.sub)
    return [
        Remaining(
            f"{catalogue.title(account.connection)} {_keeps(account)} the permission of the "
            f"{account_names.in_words(account)} until it is removed there",
            url=f"/connections/{account.pk}/",
        )
        for account in own.order_by("pk")
    ]


def _keeps(account: ConnectedAccount) -> str:
    """Unknown where the provider refused a token, or Auth0 lists the account no more."""
    return "may keep" if account.state in {State.NEEDS_RECONNECT, State.GONE} else "keeps"


def _reviews(person: Person) -> list[Remaining]:
    whose = (person.iss, person.sub)
    waiting = [
        (review, f"The access review {review.title} waits for them. {_who_else(review, person)}")
        for review, _ in reassign_reviewer.waiting_for(whose)
    ]
    return [
        Remaining(text, review.due, f"/connections/reviews/{review.pk}/")
        for review, text in (*waiting, *_reassigned(whose))
    ]


def _reassigned(whose: Identity) -> Iterator[tuple[Review, str]]:
    """Open access reviews in which somebody else decides in the place of a person."""
    for review in Review.objects.filter(closed_at=None).exclude(reassignments=[]):
        by = {
            identity_of(one["reviewer"])
            for one in review.reassignments
            if identity_of(one["person"]) == whose
        }
        for reviewer in sorted(by):
            if reviewer_permissions.assigned_and_undecided(reviewer, review).exists():
                yield review, f"The access review {review.title}: {_decides_instead(reviewer)}"


def _decides_instead(reviewer: Identity) -> str:
    found = people_and_roles.find(*reviewer)
    if found is None:
        return "who was to decide in their place was erased"
    if "admin" in found.roles_now:
        return f"{found} decides in their place"
    return f"{found} was to decide in their place and is no longer an admin. Offboard {found}, too"


def _who_else(review: Review, person: Person) -> str:
    """Who decides in an access review in the place of somebody who leaves."""
    if review.reviewers == Reviewers.OWNERS:
        return "Admins decide on their accounts once it is due"
    whose = (person.iss, person.sub)
    by_them_alone = effective_reviewers.accounts_of_owners(
        review, whose, lambda owner: effective_reviewers.assigned(review, owner).now == {whose}
    )
    if reviewer_permissions.assigned_and_undecided(whose, review).filter(by_them_alone).exists():
        return "No one else is named to decide: choose another admin above"
    return "Its other named admins decide"


def _not_ours(person: Person) -> list[Remaining]:
    role = f" and their role {', '.join(person.roles)}" if person.roles else ""
    phone = "Their phone is still enrolled for approvals at Auth0. Remove it there"
    return [
        *([Remaining(phone)] if person.phone else []),
        Remaining(
            f"Their account at the identity provider{role}: not ours to close. Close it there, or "
            "they sign in again"
        ),
        Remaining(
            "Access tokens that Auth0 gave command lines work until each expires; the portal "
            "does not see them"
        ),
    ]
