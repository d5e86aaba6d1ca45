"""Who is calling: public client configuration, whoami, and the sign-in of the command line."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, Literal

from django.conf import settings
from django.http import HttpRequest
from ninja import Field, Router, Schema
from pydantic import ConfigDict

from accounts.bearer import caller
from accounts.models import CommandLineSignIn
from accounts.oidc_backend import known_roles
from api import openapi
from api.problems import Problem
from approvals import auth0_clients, people_and_roles
from approvals.passkeys import queries
from audit.evidence import storage
from audit.recording.actors import Actor, EvidenceRef, Subject
from audit.recording.record import record
from auth0_client.errors import Auth0Error, TokenRefused
from auth0_client.tokens.id_token import IdClaims, verify_id_token
from connections.application_grants.consent_and_token_search import sessions_of
from connections.models import AccessState
from http_client.errors import HttpClientError
from ui.request_id import request_id

router = Router(tags=["Who"])


class ClientConfig(Schema):
    """What a command line needs to sign in."""

    issuer: str
    client_id: str
    audience: str


class Assurance(Schema):
    """How and until when the caller is signed in."""

    client_id: str
    expires_at: str
    scope: list[str]
    signed_in_at: str | None = Field(description="When, by the kept sign-in; null: none is kept")
    signed_in_said: bool = Field(description="Whether the issuer itself said when (auth_time)")
    amr: list[str] = Field(description="With what, by the kept sign-in (RFC 8176)")
    step_up: list[Literal["phone", "passkey"]] = Field(
        description="How you could be asked to approve; a phone unless none is enrolled"
    )


class Who(Schema):
    """The caller as events will name it."""

    iss: str
    sub: str
    name: str
    email: str
    roles: list[str]
    assurance: Assurance


class SignIn(Schema):
    """The ID token of a device-flow sign-in, kept as evidence and never handed out before `exp`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id_token: str = Field(min_length=1, max_length=16_384)


@router.get(
    "/client-config",
    operation_id="portal_api_who_client_config",
    auth=None,
    response=ClientConfig,
    summary="How to sign in",
    openapi_extra=openapi.PUBLIC,
)
def client_config(request: HttpRequest) -> ClientConfig:
    """Issuer, client id of the command line, and the audience of this API."""
    return ClientConfig(
        issuer=settings.ENV.issuer,
        client_id=settings.ENV.AUTH0_CLI_CLIENT_ID,
        audience=settings.ENV.AUTH0_API_AUDIENCE,
    )


@router.get(
    "/whoami",
    operation_id="portal_api_who_whoami",
    response=Who,
    summary="Subject, roles and session assurance",
)
def whoami(request: HttpRequest) -> Who:
    """The verified token in words."""
    me = caller(request)
    return Who(
        iss=me.actor.iss,
        sub=me.actor.sub,
        name=me.actor.name,
        email=me.actor.email,
        roles=sorted(me.actor.roles),
        assurance=Assurance(
            client_id=me.claims.client_id,
            expires_at=_stamp(me.claims.expires_at),
            scope=sorted(me.claims.scope),
            **_kept_sign_in(me.actor),
            step_up=_step_up(me.actor),
        ),
    )


def _kept_sign_in(actor: Actor) -> dict[str, Any]:
    row = CommandLineSignIn.objects.filter(iss=actor.iss, sub=actor.sub).first()
    if row is None:
        return {"signed_in_at": None, "signed_in_said": False, "amr": []}
    return {
        "signed_in_at": _stamp(row.auth_time.timestamp()),
        "signed_in_said": row.auth_time_said,
        "amr": row.amr,
    }


def _step_up(actor: Actor) -> list[Literal["phone", "passkey"]]:
    person = people_and_roles.find(actor.iss, actor.sub)
    ways: list[Literal["phone", "passkey"]] = []
    if person is None or person.phone is not False:
        ways.append("phone")
    if queries.usable(actor).exists():
        ways.append("passkey")
    return ways


class CommandLineSession(Schema):
    """One sign-in of `ata login`, by the refresh token that Auth0 holds for it."""

    id: str = Field(description="End it with access.revoke on target kind refresh_token")
    created_at: str | None
    last_used_at: str | None
    expires_at: str | None
    state: Literal["live", "revoking"]


class CommandLineSessions(Schema):
    """Your command-line sessions, and whether Auth0 was asked for them just now."""

    items: list[CommandLineSession]
    read_now: bool = Field(description="False: Auth0 could not be asked; sessions may be missing")


@router.get(
    "/session/command-line",
    operation_id="portal_api_who_command_line_sessions",
    response=CommandLineSessions,
    summary="Your command-line sessions, asked for at Auth0",
)
def command_line_sessions(request: HttpRequest) -> CommandLineSessions:
    """Each can be ended: `POST /v1/decisions` with `access.revoke`, `refresh_token` and its id."""
    me = caller(request).actor
    found = sessions_of(me.iss, me.sub)
    items = [
        CommandLineSession(
            id=str(row.pk),
            created_at=_time(row.created_at),
            last_used_at=_time(row.last_used_at),
            expires_at=_time(row.expires_at),
            state="revoking" if row.state == AccessState.REVOKING else "live",
        )
        for row in found.rows
    ]
    return CommandLineSessions(items=items, read_now=found.read_now)


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else _stamp(moment.timestamp())


@router.post(
    "/session",
    operation_id="portal_api_who_sign_in",
    response=Who,
    summary="Keep the sign-in of a command line as evidence",
)
def sign_in(request: HttpRequest, body: SignIn) -> Who:
    """Verify the ID token that came with the access token and keep it as evidence."""
    me = caller(request)
    try:
        claims = verify_id_token(
            body.id_token,
            auth0_clients.auth0().keys,
            issuer=auth0_clients.auth0().issuer,
            client_id=me.claims.client_id,
            nonce=None,
            now=time.time(),
            roles_claim=settings.ENV.AUTH0_ROLES_CLAIM,
        )
    except TokenRefused as refused:
        raise Problem(
            422, "id_token_refused", f"The ID token was not accepted: {refused.detail}."
        ) from None
    except (Auth0Error, HttpClientError):
        raise Problem(
            503, "issuer_unreachable", "The issuer's keys cannot be read right now."
        ) from None
    if claims.subject != me.actor.sub:
        raise Problem(422, "id_token_refused", "The ID token is about someone else.")
    auth0_clients.keep_snapshots()
    kept = storage.put(
        "id_token",
        body.id_token.encode(),
        subject_key=Subject(claims.issuer, claims.subject).key,
        not_before_release=datetime.fromtimestamp(claims.expires_at, UTC),
    )
    _remember(request, me.actor, kept, claims)
    return whoami(request)


def _remember(
    request: HttpRequest,
    actor: Actor,
    kept: EvidenceRef,
    claims: IdClaims,
) -> None:
    name, email = claims.name, claims.email
    when = datetime.fromtimestamp(claims.auth_time or claims.issued_at, UTC)
    known = people_and_roles.find(actor.iss, actor.sub)
    people_and_roles.note_sign_in(
        iss=actor.iss,
        sub=actor.sub,
        name=name or (known.name if known else ""),
        email=email or (known.email if known else ""),
        roles=known_roles(claims.roles),
        issued_at=datetime.fromtimestamp(claims.issued_at, UTC),
    )
    CommandLineSignIn.objects.update_or_create(
        iss=actor.iss,
        sub=actor.sub,
        defaults={
            "id_token_digest": kept.digest,
            "auth_time": when,
            "auth_time_said": claims.auth_time is not None,
            "amr": list(claims.amr),
        },
    )
    signed_in = Actor(
        iss=actor.iss,
        sub=actor.sub,
        name=name or actor.name,
        email=email or actor.email,
        roles=actor.roles,
        via=actor.via,
        request=request_id(request),
        ip=actor.ip,
        evidence=(kept,),
    )
    record(
        signed_in,
        "operator.signed_in",
        data={"amr": list(claims.amr), "auth_time": when.isoformat()},
        private={"ip": actor.ip},
        evidence=[kept],
    )


def _stamp(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
