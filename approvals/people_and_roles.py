"""The directory of people who can be asked, and the order in which they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Q, QuerySet, Value

from approvals import clock
from approvals.models import Passkey, Person, person_access_end
from approvals.models.person import HasRole, HasRoles
from audit.recording.actors import Actor
from auth0_client.tokens.id_token import LEEWAY_S

LEEWAY: Final = timedelta(seconds=LEEWAY_S)
"""How far the issuer's clock may be ahead of ours."""
_NOTED: Final = (
    *("name", "email", "roles", "phone", "updated", "listed_as"),
    *("roles_read_at", "roles_issued_at"),
)


def note_person(
    *,
    iss: str,
    sub: str,
    name: str = "",
    email: str = "",
    roles: Iterable[str] | None,
    phone: bool | None = None,
    read_at: datetime | None = None,
) -> Person:
    """Record what the directory has about a person.

    Args:
        roles: the roles that it assigns; None where it manages none: they stay as they are.
        phone: whether a phone is enrolled; None: it does not say.
        read_at: when the read of the person began.
    """
    values: dict[str, Any] = {"name": name, "email": email}
    if phone is not None:
        values["phone"] = phone
    with transaction.atomic():
        person = _locked(iss, sub)
        if roles is not None:
            newest = read_at is None or not _is_older(read_at, person)
            _write_roles(person, roles, raises=newest)
            person.roles_read_at = read_at if newest else person.roles_read_at
        return _save(person, values)


def note_sign_in(
    *, iss: str, sub: str, name: str, email: str, roles: Iterable[str], issued_at: datetime
) -> Person:
    """Record what an ID token has about a person who signed in.

    It always lowers their roles. It raises them only where it was issued after the directory's last
    read of this person began (`LEEWAY` against the caller) and is not older than the last sign-in.
    """
    with transaction.atomic():
        person = _locked(iss, sub)
        _write_roles(person, roles, raises=_is_newest(person, issued_at))
        person.roles_issued_at = max(issued_at, person.roles_issued_at or issued_at)
        return _save(person, {"name": name, "email": email})


def roles_in_force(actor: Actor, person: Person | None) -> frozenset[str]:
    """The roles with which somebody acts now: those that their session or token claims, without
    what `person` has lost since, and none once their access has ended.

    A token counts by the time it was issued, a session as the directory has the person.
    """
    roles, issued_at = actor.roles, actor.roles_issued_at
    if person is not None and (issued_at is None or not _is_newest(person, issued_at)):
        roles &= set(person.roles)
    if not roles:
        return roles
    if person is None:
        may_have_end = person_access_end.is_named(actor.sub)
    else:  # `find_with_end` asked for it with the person
        may_have_end = getattr(person, "may_have_end", True)
    return person_access_end.roles_left(actor.iss, actor.sub, roles) if may_have_end else roles


def with_current_roles(actor: Actor) -> Actor:
    """The actor with the roles that are in force now."""
    if not actor.sub:
        return actor
    roles = roles_in_force(actor, find_with_end(actor.iss, actor.sub))
    return actor if roles == actor.roles else replace(actor, roles=roles)


def _is_newest(person: Person, issued_at: datetime) -> bool:
    """Whether a token is newer than all that is known of a person's roles."""
    read_at, known = person.roles_read_at, person.roles_issued_at
    if read_at is not None and issued_at <= read_at + LEEWAY:
        return False
    return known is None or issued_at >= known


def _is_older(read_at: datetime, person: Person) -> bool:
    known = filter(None, (person.roles_read_at, person.roles_issued_at))
    return any(read_at < one for one in known)


def _locked(iss: str, sub: str) -> Person:
    """The person's row, locked for the caller's transaction."""
    known = Person.objects.select_for_update()
    person, _ = known.get_or_create(iss=iss, sub=sub, defaults={"updated": clock.now()})
    return person


def _write_roles(person: Person, roles: Iterable[str], *, raises: bool) -> None:
    wanted = set(roles)
    person.roles = sorted(wanted if raises else wanted & set(person.roles))


def _save(person: Person, values: dict[str, Any]) -> Person:
    person.name, person.email = values["name"][:200], values["email"][:254]
    person.phone = values.get("phone", person.phone)
    person.updated = clock.now()
    person.save(update_fields=_NOTED)
    return person


def find(iss: str, sub: str) -> Person | None:
    """The person of that identity, or None."""
    return Person.objects.filter(iss=iss, sub=sub).first()


def find_with_end(iss: str, sub: str) -> Person | None:
    """The same, and whether an end of their access may be set: three times the work of `find`, and
    one query less for `roles_in_force`."""
    found = Person.objects.filter(iss=iss, sub=sub)
    return found.annotate(may_have_end=person_access_end.may_have_end()).first()


def with_roles() -> QuerySet[Person]:
    """Everybody with any role that counts, by an index: of a tenant's people most have none."""
    found = Person.objects.filter(HasRoles("roles"))
    over = person_access_end.over(found.values("sub"))
    if not over:
        return found
    ended = found.filter(sub__in={end.sub for end in over})
    return found.exclude(
        pk__in=[p.pk for p in ended if any(end.is_of(p.iss, p.sub) for end in over)]
    )


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

    `order` is the policy's roster; people who are not on it follow, by their own order. Where
    `channel` wants a passkey, people who have none that counts come last.

    `self` asks the requester; `another` anyone with a role except the requester. People whose
    device is known to be missing come last rather than never: the issuer may have e-mail. After
    them come those who set that they are away.
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
    now = clock.now()
    place = {identity: number for number, identity in enumerate(order)}
    keyed = with_passkeys(able) if channel in NEEDS_PASSKEY else {p.pk for p in able}
    return sorted(
        able,
        key=lambda p: (
            p.pk not in keyed,
            p.is_away(now),
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
    if me is None or not set(roles) & me.roles_now:
        return None
    return me
