"""Sign-in: the library carries state, nonce and PKCE; every claim is verified by us.

Closes each row of what mozilla-django-oidc leaves open: issuer, audience, azp, expiry, at_hash,
JWKS caching, identity by (iss, sub), and failures that are pages instead of a 500.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from mozilla_django_oidc.auth import OIDCAuthenticationBackend

from accounts.models import ROLES, User
from accounts.sign_in_errors import SignInRefused, because_of
from approvals import auth0_clients, clock, people_and_roles
from audit.evidence import storage
from audit.recording.actors import EvidenceRef, Subject
from auth0_client import userinfo
from auth0_client.errors import Auth0Error, TokenRefused
from auth0_client.tokens.id_token import IdClaims
from http_client.errors import HttpClientError


@dataclass(frozen=True, slots=True)
class Profile:
    """What is shown of a person, and their roles."""

    name: str
    email: str
    roles: list[str]


@dataclass(frozen=True, slots=True)
class SignIn:
    """What the issuer vouched for at this sign-in."""

    claims: IdClaims
    evidence: EvidenceRef


class OperatorBackend(OIDCAuthenticationBackend):  # type: ignore[misc]  # the library is untyped
    """Exchanges the code, verifies the ID token and finds the account by (iss, sub)."""

    def __init__(self) -> None:
        self.UserModel = User

    def authenticate(
        self,
        request: HttpRequest | None,
        nonce: str | None = None,
        code_verifier: str | None = None,
        **_: Any,
    ) -> User | None:
        """The account of a callback request; None when it is not one of ours.

        Raises:
            SignInRefused: with a stable code for the trail.
        """
        if request is None or nonce is None or code_verifier is None:
            return None
        code = request.GET.get("code", "")
        try:
            tokens = auth0_clients.auth0().oauth.exchange_code(
                code, code_verifier=code_verifier, redirect_uri=callback_url()
            )
            if not tokens.id_token:
                raise SignInRefused("no_id_token", "The issuer answered without an ID token.")
            claims = auth0_clients.auth0().verify_id_token(
                tokens.id_token,
                nonce=nonce,
                access_token=tokens.access_token,
                max_age=request.META.get("ATA_MAX_AGE"),
            )
            if request.META.get("ATA_SECOND_FACTOR") and "mfa" not in claims.amr:
                raise SignInRefused("no_second_factor")
            profile = self._profile(claims, tokens.access_token)
            reference = self._keep(claims, tokens.id_token)
        except (TokenRefused, Auth0Error, HttpClientError) as error:
            raise because_of(error) from error
        user = self._account(claims, profile)
        request.META["ATA_SIGN_IN"] = SignIn(claims, reference)
        return user

    def get_user(self, user_id: int) -> User | None:
        """The account of a session."""
        return User.objects.filter(pk=user_id, is_active=True).first()

    @staticmethod
    def _profile(claims: IdClaims, access_token: str) -> Profile:
        """Name, e-mail and roles; from userinfo about the very same subject where the ID token
        has no profile at all."""
        if claims.email or claims.name:
            return Profile(claims.name or "", claims.email or "", known_roles(claims.roles))
        info = userinfo.fetch(
            auth0_clients.auth0().discovery, auth0_clients.outbound(), access_token
        )
        if info.subject != claims.subject:
            raise SignInRefused("userinfo_mismatch", "The issuer described someone else.")
        return Profile(info.name or "", info.email or "", known_roles(claims.roles))

    @staticmethod
    def _account(claims: IdClaims, profile: Profile) -> User:
        user, _ = User.objects.update_or_create(
            iss=claims.issuer,
            sub=claims.subject,
            defaults={
                "name": profile.name[:200],
                "email": profile.email[:254],
                "roles": profile.roles,
                "last_seen": clock.now(),
            },
        )
        people_and_roles.note_sign_in(
            iss=claims.issuer,
            sub=claims.subject,
            name=profile.name,
            email=profile.email,
            roles=profile.roles,
            issued_at=datetime.fromtimestamp(claims.issued_at, UTC),
        )
        return user

    @staticmethod
    def _keep(claims: IdClaims, id_token: str) -> EvidenceRef:
        auth0_clients.keep_snapshots()
        return storage.put(
            "id_token",
            id_token.encode(),
            subject_key=Subject(claims.issuer, claims.subject).key,
            not_before_release=datetime.fromtimestamp(claims.expires_at, UTC),
        )


def known_roles(claimed: Iterable[str]) -> list[str]:
    """Our roles among the claimed ones; the client has refused anything but a list of strings."""
    return [role for role in ROLES if role in set(claimed)]


def callback_url() -> str:
    """The redirect URI, from PORTAL_URL and never from the Host header."""
    return settings.PORTAL_URL + reverse("oidc_authentication_callback")
