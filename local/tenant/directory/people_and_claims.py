"""People of the tenant: finding them, their roles and permissions, and their claims."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from local.tenant.env import env
from local.tenant.models import LoginSession, Person, Role


def by_sub(sub: str) -> Person | None:
    """The account with this subject, unless it does not exist or is blocked."""
    return Person.objects.filter(sub=sub, blocked=False).first()


def by_email(email: str) -> Person | None:
    """The account with this address (any case), unless it does not exist or is blocked."""
    return Person.objects.filter(email__iexact=email, blocked=False).first()


def roles(person: Person) -> list[str]:
    """Names of the person's roles, sorted."""
    return sorted(person.roles.values_list("name", flat=True))


def permissions(person: Person, audience: str) -> list[str]:
    """The permissions the person's roles carry on one API, sorted."""
    held: set[str] = set()
    for role in Role.objects.filter(people=person):
        held.update(role.permissions.get(audience, []))
    return sorted(held)


def profile_claims(person: Person, scope: Collection[str]) -> dict[str, Any]:
    """OIDC profile and e-mail claims that ``scope`` releases (OIDC Core section 5.4)."""
    claims: dict[str, Any] = {}
    if "profile" in scope:
        claims |= {
            "name": person.name,
            "given_name": person.given_name,
            "family_name": person.family_name,
            "nickname": person.email.partition("@")[0],
            "picture": picture(person),
            "updated_at": person.updated_at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        }
    if "email" in scope:
        claims |= {"email": person.email, "email_verified": person.email_verified}
    return claims


def roles_claim(person: Person) -> dict[str, list[str]]:
    """The namespaced roles claim that an Auth0 post-login Action would add."""
    return {env().auth0_roles_claim: roles(person)}


def freshness_claims(session: LoginSession | None) -> dict[str, Any]:
    """When and how the person signed in, as the same Action would put it into access tokens."""
    namespace = env().auth0_roles_claim.rpartition("/")[0]
    if session is None or not namespace:
        return {}
    return {
        f"{namespace}/auth_time": int(session.authenticated_at.timestamp()),
        f"{namespace}/amr": ["pwd", "mfa"] if session.mfa else ["pwd"],
    }


def picture(person: Person) -> str:
    """URL of the person's picture, served by this tenant."""
    return f"{env().issuer}static/tenant/person.svg"
