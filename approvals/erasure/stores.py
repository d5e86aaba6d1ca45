"""The stores of `approvals`: requests and answers, people and passkeys, the policy, kept answers.

A row that other rows or events refer to stays, without what it says of the person.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.db.models import Q, QuerySet

from approvals import idempotency, registry
from approvals.erasure import permitted_gaps
from approvals.models import (
    AccessEnd,
    Approval,
    Ask,
    Effect,
    IdempotencyRecord,
    LegalHold,
    Notice,
    Passkey,
    Person,
    PolicyVersion,
    person_access_end,
)
from approvals.outbox import seals
from approvals.pipeline import intent, locks
from approvals.pipeline.intent import digest
from approvals.policy import policy_in_force
from approvals.policy.document import SCHEMA
from audit.erasure import erase_names_in_text, process_caches, subject_and_store_registry
from audit.erasure.subject_and_store_registry import (
    MARK,
    Known,
    Repeats,
    Restriction,
    Sealed,
    Store,
    Whose,
    knows,
    knows_emails_of_others,
    register,
    reserves,
)
from audit.ledger.format.commitment import subject_key
from audit.recording.actors import Actor, Target

NAME = "Erased person"
_APPROVAL = (
    *("target_name", "params", "reason", "sentence", "intent", "rule", "requester"),
    *("risk", "account", "requested_by"),
    *("requester_sub", "folded", "outcome_detail", "answered_by"),
)
_EFFECT = ("actor", "target_name", "label", "payload", "detail")
_SCRUBBED: tuple[tuple[type[Any], tuple[str, ...]], ...] = (
    (Approval, _APPROVAL),
    (Effect, _EFFECT),
    (Ask, ("detail", "answers")),
    (Notice, ("detail",)),
    (PolicyVersion, ("author",)),
    (LegalHold, ("matter", "reason", "placed_by", "placed_name", "lifted_by")),
)
_PERSON = ("sub", "name", "email", "roles", "listed_as")
_PASSKEY = ("credential_id", "public_key", "name", "handle", "transports")


@knows
def from_people(key: str) -> Iterator[Known]:
    """What the directory of people says."""
    for iss, sub in subject_and_store_registry.identities(Person, key):
        for person in Person.objects.filter(iss=iss, sub=sub):
            yield Known(iss, sub, person.name, person.email)


@knows
def from_requests(key: str) -> Iterator[Known]:
    """What requests contain about their requester, should the directory no longer know them."""
    pairs = Approval.objects.order_by().values_list("requester_iss", "requester_sub").distinct()
    for iss, sub in pairs:
        if subject_key(iss, sub) == key:
            yield Known(iss, sub)


@reserves
def from_registry(key: str) -> Iterator[str]:
    """What others, decisions and documents are called."""
    yield from registry.names()
    yield from (intent.SCHEMA, SCHEMA)
    for person in Person.objects.iterator():
        if subject_key(person.iss, person.sub) != key:
            yield from (person.name, person.email, person.sub)


@knows_emails_of_others
def from_directory(key: str) -> Iterator[str]:
    """The e-mails that the directory and sign-ins gave of others."""
    for person in Person.objects.exclude(email="").iterator():
        if subject_key(person.iss, person.sub) != key:
            yield person.email


def _requested(whose: Whose) -> QuerySet[Approval]:
    return Approval.objects.filter(whose.of("requester_iss", "requester_sub"))


def _count_requests(whose: Whose) -> int:
    named = sum(erase_names_in_text.count(model, fields, whose) for model, fields in _SCRUBBED[1:])
    named += erase_names_in_text.count(PolicyVersion, ("document",), whose)
    naming = erase_names_in_text.naming(Approval.objects.all(), _APPROVAL, whose).values("pk")
    return (
        named
        + Approval.objects.filter(
            Q(pk__in=naming) | Q(pk__in=_requested(whose).values("pk"))
        ).count()
    )


_EMPTIED = (
    *("params", "reason", "intent", "sentence", "if_approved", "outcome_detail", "target_name"),
    *("risk", "account", "requested_by", "requester", "requester_sub"),
)


def _erase_requests(whose: Whose) -> int:
    """What the person asked for is emptied; everywhere else only they are taken out."""
    own, whole = list(_requested(whose)), seals.sealed_now()
    for approval in own:
        approval.params, approval.reason, approval.intent = {}, "", ""
        approval.sentence = permitted_gaps.sentence_without(approval.verb)
        approval.if_approved, approval.outcome_detail, approval.target_name = "", "", MARK
        approval.risk, approval.account, approval.requested_by = "", "", ""
        approval.requester = _nobody(approval.requester)
        approval.requester_sub = MARK
        approval.save(update_fields=_EMPTIED)
    _answered(whose)
    Effect.objects.filter(operation__in=[a.operation for a in own]).update(detail="")
    gone, _ = LegalHold.objects.filter(subject=whose.key).exclude(lifted_at=None).delete()
    scrubbed = sum(erase_names_in_text.scrub(m, fields, whose) for m, fields in _SCRUBBED)
    # Identities alone: a name could be a word of the policy.
    scrubbed += erase_names_in_text.scrub(PolicyVersion, ("document",), whose, names=False)
    seals.reseal(whole)
    return len(own) + gone + scrubbed


def _policies(whose: Whose) -> list[Sealed]:
    named = erase_names_in_text.naming(PolicyVersion.objects.all(), ("document",), whose)
    return [Sealed(row.digest, partial(_digest_of, row.pk)) for row in named]


def _authors(whose: Whose) -> list[Repeats]:
    named = erase_names_in_text.naming(PolicyVersion.objects.all(), ("author",), whose)
    return [Repeats(named, ("author",))]


def _digest_of(pk: int) -> str:
    return digest(PolicyVersion.objects.values_list("document", flat=True).get(pk=pk))


def _answered(whose: Whose) -> None:
    """Address and evidence of those who answered are erased with them."""
    for sub in whose.subs:
        for approval in Approval.objects.filter(answered_by__sub=sub):
            approval.answered_by = _nobody(approval.answered_by)
            approval.save(update_fields=["answered_by"])
        for effect in Effect.objects.filter(actor__sub=sub):
            effect.actor = _nobody(effect.actor)
            effect.save(update_fields=["actor"])


def _nobody(actor: dict[str, Any]) -> dict[str, Any]:
    """An actor as JSON, without the person: a requester stays one, so that it is no finding."""
    kept: dict[str, Any] = {name: actor[name] for name in ("iss", "roles", "via") if name in actor}
    return {**kept, "sub": MARK, "name": NAME} if actor else {}


def _people(whose: Whose) -> QuerySet[Person]:
    return Person.objects.filter(whose.of())


def _ends_of_access(whose: Whose) -> Iterator[Restriction]:
    """The end of the person's access, which nobody sets for themselves."""
    for iss, sub in whose.people:
        if (end := person_access_end.end_of(iss, sub)) is not None:
            yield Restriction("end of access", f"access end {end.operation} {end.at}")


def _lock_people(whose: Whose) -> None:
    """Nobody sets an end of the person's access meanwhile."""
    for sub in sorted(whose.subs):
        locks.lock_decisions(Target(person_access_end.KIND, sub))


def _erase_people(whose: Whose) -> int:
    """Passkeys go; a person whom requests refer to stays as a place without a name."""
    found = list(_people(whose))
    AccessEnd.objects.filter(whose.of()).delete()
    for person in found:
        Passkey.objects.filter(person=person).delete()
        nameless = f"erased:{whose.key[:40]}"
        before = Person.objects.filter(iss=person.iss, sub=nameless).first()
        if before is not None:  # they came back after an earlier erasure
            Ask.objects.filter(person=person).update(person=before)
        if before is not None or not Ask.objects.filter(person=person).exists():
            person.delete()
            continue
        person.sub, person.name, person.email = nameless, NAME, ""
        person.roles, person.phone, person.last_asked = [], None, None
        person.away_until = None
        person.save(
            update_fields=["sub", "name", "email", "roles", "phone", "last_asked", "away_until"]
        )
    return len(found)


def _answers(whose: Whose) -> QuerySet[IdempotencyRecord]:
    own = [idempotency.subject_of(Actor(iss=iss, sub=sub)) for iss, sub in whose.people]
    naming = erase_names_in_text.naming(IdempotencyRecord.objects.all(), ("answer", "key"), whose)
    return IdempotencyRecord.objects.filter(Q(subject__in=own) | Q(pk__in=naming.values("pk")))


process_caches.register("versions of the policy", policy_in_force.forget)
register(
    Store(
        "requests",
        "Requests, answers, remote steps, letters and policies",
        30,
        _count_requests,
        _erase_requests,
        [
            *(
                f"approvals.{model.__name__}.{name}"
                for model, fields in _SCRUBBED
                for name in fields
            ),
            "approvals.PolicyVersion.document",
        ],
        _policies,
        _authors,
    )
)
register(
    Store(
        "kept_answers",
        "Answers kept for repeated calls",
        31,
        lambda whose: _answers(whose).count(),
        lambda whose: _answers(whose).delete()[0],
        ["approvals.IdempotencyRecord.answer", "approvals.IdempotencyRecord.key"],
    )
)
register(
    Store(
        "people",
        "The directory of people, and passkeys",
        80,
        lambda whose: _people(whose).count(),
        _erase_people,
        [
            *(f"approvals.Person.{name}" for name in _PERSON),
            *(f"approvals.Passkey.{name}" for name in _PASSKEY),
            "approvals.AccessEnd.sub",
        ],
        restrictions=_ends_of_access,
        lock=_lock_people,
    )
)
