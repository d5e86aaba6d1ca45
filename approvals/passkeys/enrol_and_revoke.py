"""The decisions about passkeys: enrol one, let it approve for others, revoke it (ADR 12).

`passkey.enrol` on a *passkey* is its owner's: it then counts for what they ask for themselves. On
an *approver key*, the same credential, it waits for another person; from then on the key counts for
what others ask for. `passkey.revoke` tightens and is immediate.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from pydantic import BaseModel, ConfigDict, Field

from approvals import clock, people_and_roles, registry
from approvals.errors import Refused
from approvals.models import Passkey
from approvals.passkeys import queries, relying_party, sealed_registration
from approvals.registry import CommitContext, Committed, Stance, Verb
from audit.ledger.format import safe_display
from audit.recording.actors import Actor, Target

OWN = "passkey"
APPROVER = "approver_key"
_DECIDES = frozenset({"admin", "operator"})


class EnrolParams(BaseModel):
    """`name` is what its owner calls it; `registration` the digest of the sealed ceremony."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field("", max_length=60)
    registration: str = Field("", max_length=64)


def _owns(actor: Actor, target: Target) -> bool:
    """The holder of the key in the ceremony, or the owner of the passkey; approver keys are
    not their owner's to decide on."""
    if target.kind != OWN:
        return False
    if (key := queries.find(target.name)) is not None:
        return key.belongs_to(actor)
    pending = sealed_registration.opened(target.name)
    return pending is not None and (pending.iss, pending.sub) == (actor.iss, actor.sub)


def _is_anothers(actor: Actor, target: Target) -> bool:
    return not _owns(actor, target)


def _enrol(ctx: CommitContext) -> Committed:
    return _make_approver(ctx) if ctx.target.kind == APPROVER else _make(ctx)


def _make(ctx: CommitContext) -> Committed:
    pending = sealed_registration.opened(ctx.target.name)
    if pending is None or ctx.params.get("registration", "") != sealed_registration.digest_of(
        pending
    ):
        raise _not_made_here()
    if (pending.iss, pending.sub) != (ctx.actor.iss, ctx.actor.sub):
        raise Refused("not_permitted", "Only who made a passkey can enrol it.")
    sealed_registration.forget(ctx.target.name)
    person = people_and_roles.find(pending.iss, pending.sub)
    if person is None:
        raise Refused("unknown_person", "Sign in once more before enrolling a passkey.")
    made = pending.registered
    try:
        with transaction.atomic():
            key = Passkey.objects.create(
                handle=ctx.target.name,
                credential_id=made.credential_id,
                public_key=made.public_key,
                algorithm=made.algorithm,
                person=person,
                rp_id=relying_party.rp_id(),
                origins=[relying_party.origin()],
                name=ctx.params.get("name") or "Passkey",
                transports=list(made.transports),
                backed_up=made.backed_up,
                attestation=made.attestation,
                sign_count=made.sign_count,
                enrolled=clock.now(),
                enrolled_by=ctx.operation,
            )
    except IntegrityError:
        raise Refused("already_enrolled", "This passkey was enrolled before.") from None
    return _committed(key, counts_for="own")


def _not_made_here() -> Refused:
    return Refused("unknown_registration", "This passkey was not made here. Begin again.")


def _make_approver(ctx: CommitContext) -> Committed:
    key = queries.locked(ctx.target.name)
    if not key.belongs_to(ctx.actor):
        raise Refused("not_permitted", "Only its owner can ask that a passkey counts for others.")
    if key.revoked_at is not None:
        raise Refused("revoked", "This passkey is revoked.")
    if key.approver_since is not None:
        raise Refused("already_enrolled", "This passkey counts for others already.")
    if ctx.approver is None or key.belongs_to(ctx.approver):
        raise Refused("needs_another_person", "Another person has to confirm an approver key.")
    key.approver_since, key.confirmed_by = clock.now(), ctx.operation
    key.save(update_fields=["approver_since", "confirmed_by"])
    return _committed(key, counts_for="others")


def _revoke(ctx: CommitContext) -> Committed:
    key = queries.locked(ctx.target.name)
    if key.revoked_at is not None:
        raise Refused("revoked", "This passkey is revoked already.")
    key.revoked_at, key.revoked_by = clock.now(), ctx.operation
    key.save(update_fields=["revoked_at", "revoked_by"])
    return _committed(key, own=key.belongs_to(ctx.actor))


def _committed(key: Passkey, **facts: Any) -> Committed:
    """What a third party needs to follow the key: which it is, where it signs, whose it is."""
    who = key.person.subject
    return Committed(
        data={
            "credential_id": key.credential_id,
            "public_key": b64encode(key.public_key).decode(),
            "algorithm": relying_party.ALGORITHMS[key.algorithm],
            "rp_id": key.rp_id,
            "origins": list(key.origins),
            "attestation": key.attestation,
            "backed_up": key.backed_up,
            **facts,
        },
        private={
            "owner": {"iss": who.iss, "sub": who.sub, "name": who.name, "email": who.email},
            "key_name": key.name,
        },
    )


def _look_before(target: Target, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was shown before a key is enrolled, or before it counts for others."""
    if target.kind == APPROVER:
        return _look(target, params)
    if queries.find(target.name) is not None:
        raise Refused("already_enrolled", "This passkey was enrolled before.")
    if sealed_registration.opened(target.name) is None:
        raise _not_made_here()
    return {"passkey": ""}


def _look(target: Target, _params: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was shown: the key, whose it is, and whether it still signs."""
    key = queries.named(target.name)
    return {
        "passkey": key.credential_id,
        "owner": key.person.sub,
        "approver": _stamp(key.approver_since),
        "revoked": _stamp(key.revoked_at),
    }


def _stamp(moment: datetime | None) -> str:
    return clock.stamp(moment) if moment else ""


def _severity(target: Target, _params: Mapping[str, Any]) -> str:
    return "CRITICAL" if target.kind == APPROVER else "LOW"


def _enrol_sentence(target: Target, params: Mapping[str, Any]) -> str:
    key = queries.find(target.name)
    if target.kind == APPROVER and key is not None:
        handle, name = relying_party.short(key.handle), safe_display.quoted(key.name)
        owner = safe_display.person_in_sentence(str(key.person))
        return f"Let {owner} approve other people's requests with the passkey {name} ({handle})"
    return f"Enrol the passkey {safe_display.quoted(params.get('name') or 'Passkey')}"


def _revoke_sentence(target: Target, _params: Mapping[str, Any]) -> str:
    key = queries.find(target.name)
    if key is None:
        return "Revoke a passkey"
    return f"Revoke {_named(key)}"


def _named(key: Passkey) -> str:
    handle = relying_party.short(key.handle)
    name, owner = safe_display.quoted(key.name), safe_display.person_in_sentence(str(key.person))
    return f"{owner}'s passkey {name} ({handle})"


registry.register(
    Verb(
        name="passkey.enrol",
        event="passkey.enrolled",
        label="Enrol",
        roles=_DECIDES,
        needs_fresh_sign_in=lambda _actor, _target: True,
        stance=Stance.LOOSEN,
        target_kinds=frozenset({OWN, APPROVER}),
        commit=_enrol,
        params=EnrolParams,
        owns=_owns,
        about_others=lambda _actor, target: target.kind == APPROVER,
        look=_look_before,
        severity=_severity,
        sentence=_enrol_sentence,
        risk=lambda _target, _params: "who holds it can approve other people's requests",
        if_approved="Its owner can approve other people's requests with it.",
        if_denied="It still counts for its owner's own requests only.",
        if_expired="It still counts for its owner's own requests only.",
    )
)
registry.register(
    Verb(
        name="passkey.revoke",
        event="passkey.revoked",
        label="Revoke",
        roles=frozenset({"admin"}),
        stance=Stance.TIGHTEN,
        target_kinds=frozenset({OWN}),
        commit=_revoke,
        owns=_owns,
        about_others=_is_anothers,
        needs_fresh_sign_in=_is_anothers,  # one's own key: a thief could only revoke it (ADR 12)
        needs_reason=_is_anothers,
        look=_look,
        severity=lambda _target, _params: "MEDIUM",
        sentence=_revoke_sentence,
    )
)
