"""The directory of people who can be asked, and the order in which they are."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db.models import Q, QuerySet, Value

from approvals import clock
from approvals.models import Passkey, Person
from approvals.models.person import HasRole, HasRoles
from audit.actor import Actor
from audit.compiled import compiled

log = logging.getLogger(__name__)


def note_person(
    *,
    iss: str,
    sub: str,
    name: str = "",
    email: str = "",
    roles: Iterable[str],
    phone: bool | None = None,
    at: datetime | None = None,
) -> Person:
    """Record what the issuer said about a person, at sign-in or from its directory."""
    defaults = {
        "name": name[:200],
        "email": email[:254],
        "roles": sorted(set(roles)),
        "updated": at or clock.now(),
    }
    if phone is not None:
        defaults["phone"] = phone
    person, _ = Person.objects.update_or_create(iss=iss, sub=sub, defaults=defaults)
    return person


def find(iss: str, sub: str) -> Person | None:
    """The person of that identity, or None."""
    return next(iter(_of_identity(iss, sub)), None)


@compiled
def _of_identity(iss: str, sub: str) -> QuerySet[Person]:
    return Person.objects.filter(iss=iss, sub=sub)


def with_roles() -> QuerySet[Person]:
    """Everybody with any role, by an index: of a tenant's people most have none."""
    return Person.objects.filter(HasRoles("roles"))


def with_role(role: str) -> QuerySet[Person]:
    """Everybody with that very role."""
    return with_roles().filter(HasRole("roles", Value(role)))


def roster(
    *,
    roles: Iterable[str],
    approver: str,
    requester: Actor,
    tried: Iterable[int] = (),
    order: Sequence[tuple[str, str]] = (),
    channel: str = "",
) -> list[Person]:
    """People to ask, in order: on call first, then the next; never one who was already tried.

    `order` is the policy's roster; whoever is not on it comes after, by their own place. Where
    `channel` wants a passkey, whoever has none that counts comes last.

    `self` asks the requester; `another` anyone with a role except the requester. People whose
    device is known to be missing come last rather than never: the issuer may have e-mail.
    """
    if approver == "self":
        me = find(requester.iss, requester.sub)
        return [me] if me and me.pk not in set(tried) else []
    wanted = set(roles)
    people = (
        with_roles()
        .exclude(pk__in=list(tried))
        .exclude(Q(iss=requester.iss) & Q(sub=requester.sub) & ~Q(sub=""))
    )
    able = [p for p in people if wanted & set(p.roles)]
    place = {identity: number for number, identity in enumerate(order)}
    keyed = with_passkeys(able) if channel in NEEDS_PASSKEY else {p.pk for p in able}
    return sorted(
        able,
        key=lambda p: (
            p.pk not in keyed,
            p.phone is False,
            place.get((p.iss, p.sub), len(place)),
            p.on_call,
            p.pk,
        ),
    )


NEEDS_PASSKEY: Final = frozenset({"passkey", "both"})


def with_passkeys(people: Iterable[Person]) -> set[int]:
    """Which of them hold a passkey that counts for what others ask for."""
    keys = Passkey.objects.filter(
        person__in=list(people), revoked_at=None, approver_since__isnull=False
    )
    return set(keys.values_list("person_id", flat=True))


def group(rule: Mapping[str, Any], requester: Actor) -> list[Person]:
    """Everybody of a rule's group who may approve, on call first, never the requester."""
    named = {(p["iss"], p["sub"]) for p in rule.get("people", ())}
    everybody = roster(roles=rule["approver_roles"], approver="group", requester=requester)
    return [p for p in everybody if not named or (p.iss, p.sub) in named]


def only_person(*, roles: Iterable[str], requester: Actor) -> Person | None:
    """The requester, when nobody else could approve (recorded as single-person)."""
    me = find(requester.iss, requester.sub)
    if me is None or not set(roles) & set(me.roles):
        return None
    return me
