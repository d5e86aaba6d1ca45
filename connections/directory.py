"""People from the tenant's directory: their roles and whether a phone is enrolled."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from approvals import issuer, people
from auth0_client.errors import Auth0Error, RateLimited
from auth0_client.management import Management, User
from connections.schedule import Progress
from outbound.errors import OutboundError

log = logging.getLogger(__name__)

ROLES = frozenset({"auditor", "operator", "admin"})
_PUSH = frozenset({"push", "guardian"})  # authentication-methods `type`


@dataclass(frozen=True, slots=True)
class Synced:
    """How many people were noted, and how many could not be read."""

    people: int
    failed: int = 0


@dataclass(frozen=True, slots=True)
class _Found:
    user: User
    roles: frozenset[str]
    phone: bool | None


def sync_people(progress: Progress | None = None) -> Synced:
    """Note everybody the tenant knows in `approvals.people`.

    Where the tenant assigns none of our roles to anybody, roles are managed elsewhere (a claim
    made by an Action) and the ones from the last sign-in stay.

    Raises:
        RateLimited, Auth0Error, OutboundError: the directory could not be listed.
    """
    management = issuer.management()
    if management is None:
        return Synced(0)
    iss = issuer.auth0().issuer
    users: list[User] = []
    for user in management.get_users():
        users.append(user)
        if progress and len(users) % 50 == 0:
            progress.at(0, len(users), 0)  # a long list is alive
    if progress:
        progress.begin(len(users))
    found, failed = _read(management, users, progress)
    managed = any(person.roles for person in found)
    for person in found:
        known = people.find(iss, person.user.user_id)
        people.note_person(
            iss=iss,
            sub=person.user.user_id,
            name=person.user.name or "",
            email=person.user.email or "",
            roles=person.roles if managed or known is None else known.roles,
            phone=person.phone,
        )
    return Synced(len(found), failed)


def scheduled(progress: Progress) -> None:
    """`sync_people` as a job."""
    sync_people(progress)


def _read(
    management: Management, users: list[User], progress: Progress | None
) -> tuple[list[_Found], int]:
    found: list[_Found] = []
    failed = 0
    for user in users:
        try:
            roles = frozenset(r.name for r in management.roles(user.user_id)) & ROLES
            found.append(_Found(user, roles, _has_phone(management, user.user_id)))
        except RateLimited:
            raise
        except (Auth0Error, OutboundError) as error:
            log.info("one person not readable: %s", type(error).__name__)
            failed += 1
            if progress:
                progress.failed("Some people could not be read.")
        if progress:
            progress.step()
    return found, failed


def _has_phone(management: Management, user_id: str) -> bool | None:
    try:
        methods = management.authentication_methods(user_id)
    except RateLimited:
        raise
    except Auth0Error:  # the scope may be missing: then nobody said
        return None
    return any(m.type in _PUSH and m.confirmed is not False for m in methods)
