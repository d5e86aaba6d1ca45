"""The decisions: erase a person, place a legal hold on one, lift it.

Erasing cannot be taken back, so another admin approves it. A hold is placed at once; lifting one
loosens and waits for another admin too. The person is named by their subject key (hex SHA-256 of
issuer and subject), so that no row which decides about it says who they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from approvals import clock, policy, registry
from approvals.erasure import approved_scope, job, legal_hold_check
from approvals.errors import Refused
from approvals.models import Approval, Erasure, ErasureState, LegalHold, Status
from approvals.registry import CommitContext, Committed, EffectSpec, Stance, Verb
from audit.clock import uuid7
from audit.erasure import subject_and_store_registry
from audit.erasure.subject_and_store_registry import Whose
from audit.ledger.format.commitment import subject_key
from audit.models import EvidenceItem, Openings
from audit.recording.actors import Actor, Target

KIND = "subject"
ERASE, PLACE, LIFT = "subject.erase", "legal_hold.place", "legal_hold.lift"
_ADMIN = frozenset({"admin"})


class MatterParams(BaseModel):
    """`matter` is the reference of the case that the hold is for."""

    model_config = ConfigDict(extra="forbid")

    matter: str = Field(min_length=1, max_length=100)


def short(key: str) -> str:
    """The first digits of a key, as sentences and phones show it."""
    return key[:12]


def check_known(key: str) -> None:
    """Accept a key of somebody of whom anything is stored.

    Raises:
        Refused: `bad_target`, `unknown_subject`.
    """
    if not subject_and_store_registry.KEY.fullmatch(key):
        raise Refused(
            "bad_target",
            "Name the person by their subject key: 64 hex digits, never a name or an e-mail.",
            pointer="/target/name",
        )
    if not is_known(key):
        raise Refused(
            "unknown_subject", "Nothing is stored of a person with this key.", pointer="/target"
        )


def is_known(key: str) -> bool:
    """Whether any store still holds something of the person."""
    own = Openings.objects.filter(subject=key).exists()
    return (
        own
        or EvidenceItem.objects.filter(subject=key).exists()
        or bool(subject_and_store_registry.identify(key).people)
    )


def _look(target: Target, _params: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was shown before an erasure: that nothing forbids it, and what it ends."""
    check_known(target.name)
    legal_hold_check.check(target.name)
    if Erasure.objects.filter(subject=target.name, state=ErasureState.PENDING).exists():
        raise Refused("erasing_already", "The erasure of this person is under way.")
    _check_free(target.name)
    ends = subject_and_store_registry.restrictions_by_others(
        subject_and_store_registry.identify(target.name)
    )
    return {"subject": target.name, "held": False, "restricted": [one.id for one in ends]}


def _lock(target: Target, _params: Mapping[str, Any]) -> None:
    """Nobody restricts more of the person until the decision is committed."""
    whose = subject_and_store_registry.identify(target.name)
    for store in subject_and_store_registry.stores():
        store.lock(whose)


def counted_restrictions(whose: Whose) -> str:
    """What others restricted about the person, as "1 freeze, 2 suspensions", or empty."""
    kinds = Counter(one.what for one in subject_and_store_registry.restrictions_by_others(whose))
    return ", ".join(f"{n} {what}{'' if n == 1 else 's'}" for what, n in sorted(kinds.items()))


def _sentence_of_erasure(target: Target, _params: Mapping[str, Any]) -> str:
    """What the approver reads: an approval ends no restriction of others that it did not show."""
    ends = counted_restrictions(subject_and_store_registry.identify(target.name))
    also = f" and end what others restricted: {ends}" if ends else ""
    return f"Erase every value of {_person(target.name)}{also}. This cannot be undone"


def _person(key: str) -> str:
    """The person as approvers read it: by key, since what is signed names nobody who may be
    erased, and where their name is."""
    return f"the person {short(key)} (named on the page of this request in the portal)"


def _check_free(key: str) -> None:
    """Nothing that still needs the person may be under way.

    Raises:
        Refused: `named_in_policy`, `requests_open`.
    """
    document = policy.current()
    named = [*document.roster, *(p for group in document.groups.values() for p in group.people)]
    if any(subject_key(p.iss, p.sub) == key for p in named):
        raise Refused(
            "named_in_policy",
            "The approval policy names this person. Change the policy first, then erase.",
        )
    waiting = Approval.objects.exclude(status=Status.CLOSED)
    pairs = set(waiting.values_list("requester_iss", "requester_sub"))
    pairs |= set(waiting.values_list("asks__person__iss", "asks__person__sub"))
    if any(sub and subject_key(iss, sub) == key for iss, sub in pairs):
        raise Refused(
            "requests_open",
            "A request by this person, or to them, waits for an answer. Let it end first.",
        )


def _bar_oneself(actor: Actor, target: Target) -> None:
    """Raises Refused `needs_another_person` where somebody decides about their own erasure."""
    if target.name == actor.key:
        raise Refused(
            "needs_another_person", "Others decide about an erasure than the one it is about."
        )


def _erase(ctx: CommitContext) -> Committed:
    key = ctx.target.name
    _look(ctx.target, ctx.params)
    for who in (ctx.actor, ctx.approver):
        if who is not None:
            _bar_oneself(who, ctx.target)
    erasure = approved_scope.begin(
        Erasure(
            id=uuid7(),
            subject=key,
            operation=ctx.operation,
            approval=ctx.approval,
            begun=clock.now(),
        )
    )
    ends = subject_and_store_registry.restrictions_by_others(
        subject_and_store_registry.identify(key)
    )
    payload = {"erasure": str(erasure.id), "ends": [one.digest for one in ends]}
    return Committed(
        effects=(EffectSpec(job.ERASE, payload, label="Erase the person in every store"),),
        data=approved_scope.scope(erasure),
    )


def _place(ctx: CommitContext) -> Committed:
    key, matter = ctx.target.name, str(ctx.params["matter"])
    check_known(key)
    if not ctx.reason.strip():
        raise Refused("reason_required", "A legal hold needs a reason.", pointer="/reason")
    if legal_hold_check.in_force(key).filter(matter=matter).exists():
        raise Refused("already_held", "This person is held for this matter already.")
    LegalHold.objects.create(
        id=uuid7(),
        subject=key,
        matter=matter,
        reason=ctx.reason[:2000],
        placed_at=clock.now(),
        placed_by=ctx.actor.sub,
        placed_name=(ctx.actor.name or ctx.actor.email)[:254],
        operation=ctx.operation,
    )
    return _committed(key, matter)


def _held(target: Target, params: Mapping[str, Any]) -> LegalHold:
    found = legal_hold_check.in_force(target.name).filter(matter=str(params["matter"])).first()
    if found is None:
        raise Refused("not_held", "There is no such legal hold, or it was lifted.")
    return found


def _look_at_hold(target: Target, params: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"hold": str(_held(target, params).id)}


def _lift(ctx: CommitContext) -> Committed:
    hold = _held(ctx.target, ctx.params)
    hold.lifted_at, hold.lifted_by = clock.now(), ctx.actor.sub
    hold.lifted_operation = ctx.operation
    hold.save(update_fields=["lifted_at", "lifted_by", "lifted_operation"])
    return _committed(hold.subject, hold.matter)


def _committed(key: str, matter: str) -> Committed:
    left = legal_hold_check.in_force(key).count()
    return Committed(data={"subject": key, "holds": left}, private={"matter": matter})


def _about_others(actor: Actor, target: Target) -> bool:
    return actor.key != target.name


registry.register(
    Verb(
        name=ERASE,
        event="subject.erased",
        label="Erase",
        roles=_ADMIN,
        needs_fresh_sign_in=lambda _actor, _target: True,
        stance=Stance.FINAL,
        target_kinds=frozenset({KIND}),
        commit=_erase,
        bars=_bar_oneself,
        about_others=_about_others,
        look=_look,
        lock=_lock,
        severity=lambda _target, _params: "CRITICAL",
        sentence=_sentence_of_erasure,
        risk=lambda _target, _params: "what is destroyed cannot be restored",
        if_approved="Their values and evidence are destroyed in every store; proofs still hold.",
        if_denied="Nothing is erased.",
        if_expired="Nothing is erased.",
    )
)
registry.register(
    Verb(
        name=PLACE,
        event="legal_hold.placed",
        label="Place legal hold",
        roles=_ADMIN,
        needs_fresh_sign_in=lambda _actor, _target: True,
        stance=Stance.TIGHTEN,
        target_kinds=frozenset({KIND}),
        commit=_place,
        params=MatterParams,
        about_others=_about_others,
        severity=lambda _target, _params: "HIGH",
        sentence=lambda target, _p: f"Place a legal hold on the person {short(target.name)}",
    )
)
registry.register(
    Verb(
        name=LIFT,
        event="legal_hold.lifted",
        label="Lift legal hold",
        roles=_ADMIN,
        needs_fresh_sign_in=lambda _actor, _target: True,
        stance=Stance.LOOSEN,
        target_kinds=frozenset({KIND}),
        commit=_lift,
        params=MatterParams,
        about_others=_about_others,
        look=_look_at_hold,
        severity=lambda _target, _params: "HIGH",
        sentence=lambda target, _p: (
            f"Lift the legal hold on {_person(target.name)}, so that they can be erased"
        ),
        risk=lambda _target, _params: "what is kept for a matter can then be destroyed",
        if_approved="The person can be erased, unless another hold is on them.",
        if_denied="The legal hold stays.",
        if_expired="The legal hold stays.",
    )
)
