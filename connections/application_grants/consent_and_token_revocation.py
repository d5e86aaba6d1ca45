"""The decision to end a consent or a refresh token, and its remote step.

Both are deletions by id, which Auth0 answers the same when repeated: a lost answer is asked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction

from approvals import auth0_clients, clock, people_and_roles, registry
from approvals.errors import NothingToDo, Refused
from approvals.registry import (
    CommitContext,
    Committed,
    EffectResult,
    EffectRun,
    EffectSpec,
    Stance,
    Verb,
)
from audit.ledger.format.safe_display import in_sentence, person_in_sentence, short
from audit.recording.actors import Actor, Target
from auth0_client.errors import Auth0Error, Forbidden
from auth0_client.management_api import Management
from connections import account_names, permissions
from connections.application_grants import consent_and_token_sync
from connections.models import AccessKind, AccessState, AppAccess
from connections.revocation import deletion_step
from connections.revocation.deletion_and_session_steps import unanswered
from http_client.errors import HttpClientError

DELETE: Final = "auth0.delete_access"
_LONGEST: Final = 90
"""Characters of what a consent allows, next to two names in one sentence."""
_DECIDED: Final = ("state", "state_since", "operation", "detail")


def find(target: Target) -> AppAccess:
    """The row that a target names.

    Raises:
        Refused: `unknown_access`.
    """
    found = AppAccess.objects.filter(pk=permissions.id_of(target.name), kind=target.kind).first()
    if found is None:
        words = "There is no such consent or refresh token."
        raise Refused("unknown_access", words, pointer="/target/name")
    return found


def _owns(actor: Actor, target: Target) -> bool:
    try:
        return permissions.is_owner(actor, find(target))
    except Refused:
        return False


def _about_others(actor: Actor, target: Target) -> bool:
    return not _owns(actor, target)


def _look(target: Target, _params: Mapping[str, Any]) -> Mapping[str, Any]:
    row = find(target)
    return {"access": row.auth0_id, "owner": row.sub, "gone": row.state == AccessState.GONE}


def _sentence(target: Target, _params: Mapping[str, Any]) -> str:
    row = find(target)
    person = people_and_roles.find(row.iss, row.sub)
    who = (person.name or person.email if person else "") or row.sub
    return f"Revoke {person_in_sentence(who)}'s {in_words(row)}"


def in_words(row: AppAccess) -> str:
    """Such as `consent of ata-web for https://api.example (read:a)` or `refresh token of ata-cli of
    24 Nov 2026, 10:42 UTC`: an application may have several of each."""
    said = f"{row.get_kind_display()} of {in_sentence(row.application)}"
    if row.created_at:
        # An approver's phone shows it in this form.
        return f"{said} of {row.created_at:%d %b %Y, %H:%M} UTC"
    if row.audiences:
        said += f" for {short(', '.join(row.audiences), _LONGEST)}"
    return f"{said} ({short(', '.join(row.scopes), _LONGEST)})" if row.scopes else said


def _already_ended(
    _actor: Actor, target: Target, _params: Mapping[str, Any], _severity: str
) -> str:
    row = find(target)
    return "" if row.state == AccessState.LIVE else _ended_since(row)


def _ended_since(row: AppAccess) -> str:
    since = f" since {account_names.minute(row.state_since)}" if row.state_since else ""
    what = f"{row.get_kind_display()} of {row.application}"
    return f"{what[:1].upper()}{what[1:]} is already {row.get_state_display()}{since}."


def _revoke(ctx: CommitContext) -> Committed:
    row = AppAccess.objects.select_for_update().get(pk=find(ctx.target).pk)
    if row.state != AccessState.LIVE:
        raise NothingToDo(_ended_since(row))
    row.state, row.state_since = AccessState.REVOKING, clock.now()
    row.operation, row.detail = ctx.operation, ""
    row.save(update_fields=_DECIDED)
    payload = {"access": str(row.pk), "operation": ctx.operation}
    step = EffectSpec(DELETE, payload, label=f"Delete the {row.get_kind_display()} at Auth0")
    return Committed(
        effects=(step,),
        data={**consent_and_token_sync.facts_of(row), "own": permissions.is_owner(ctx.actor, row)},
        private=consent_and_token_sync.private_of(row),
    )


@registry.effect(DELETE)
def delete(payload: dict[str, Any], run: EffectRun) -> EffectResult:
    """Delete it by its id; one that is gone already counts as deleted."""
    row = AppAccess.objects.filter(pk=payload["access"]).first()
    management = auth0_clients.management()
    if row is None:
        return EffectResult("failed", deletion_step.NOT_KNOWN)
    if row.operation != payload["operation"]:
        return EffectResult("failed", "taken up again before anything was deleted")
    if management is None:
        return _not_done(row, "no Management API client is configured")
    try:
        _delete(management, row)
    except Forbidden as error:
        return _not_done(row, error.advice)
    except (Auth0Error, HttpClientError) as error:
        return unanswered(error, "pending")
    row = consent_and_token_sync.gone(row, "revoked") or row
    return EffectResult("done", "deleted at Auth0", data=consent_and_token_sync.facts_of(row))


def _delete(management: Management, row: AppAccess) -> None:
    if row.kind == AccessKind.GRANT:
        management.delete_grant(row.auth0_id)
    else:
        management.delete_refresh_token(row.auth0_id)


def _not_done(row: AppAccess, why: str) -> EffectResult:
    """It was refused for good: Auth0 still holds it, and the page says so."""
    revoking = AppAccess.objects.filter(pk=row.pk, state=AccessState.REVOKING)
    with transaction.atomic():
        held = revoking.filter(operation=row.operation).select_for_update().first()
        if held is not None:
            held.state, held.state_since = AccessState.LIVE, clock.now()
            held.operation, held.detail = "", why[:300]
            held.save(update_fields=_DECIDED)
    return EffectResult("failed", why, data=consent_and_token_sync.facts_of(held or row))


registry.register(
    Verb(
        name="access.revoke",
        event="access.revoked",
        label="Revoke",
        roles=frozenset({"admin"}),
        stance=Stance.FINAL,
        target_kinds=frozenset(AccessKind.values),
        commit=_revoke,
        owns=_owns,
        about_others=_about_others,
        needs_reason=_about_others,
        already=_already_ended,
        look=_look,
        severity=lambda _target, _params: "MEDIUM",
        sentence=_sentence,
        if_approved="Auth0 is asked to delete it. Access tokens issued earlier stay valid until "
        "they expire.",
        if_denied="It stays in force.",
        if_expired="It stays in force.",
    )
)
