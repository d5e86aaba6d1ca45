"""The verbs: every decision that the portal can take, registered by the app that owns it.

A verb is data (who may, how it reads, what it tightens) plus three functions: `look` (the state the
actor is shown and that commit re-checks), `commit` (local writes inside the caller's transaction,
remote work returned as effects) and, for verbs that can be asked for while something waits, `hold`
and `release`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel

from audit.ledger.format import safe_display
from audit.ledger.format.allowed_field_values import severity_rank
from audit.recording.actors import Actor, Subject, Target


class Stance(StrEnum):
    """What a verb does to exposure; policy reads it (DESIGN 1.3.2)."""

    TIGHTEN = "tighten"  # immediate and reversible: no step-up
    FINAL = "final"  # the block that stays, a deletion: step-up
    LOOSEN = "loosen"  # allow, unblock, restore, dismiss: step-up, HIGH when never scanned
    RECORD = "record"  # acknowledges or declares: no step-up


class NoParams(BaseModel):
    """A verb that takes no parameters."""

    model_config = {"extra": "forbid"}


@dataclass(frozen=True, slots=True)
class EffectSpec:
    """One remote step: `kind` names its handler, `payload` is plain JSON without secrets."""

    kind: str
    payload: dict[str, Any]
    instance: str = ""
    label: str = ""
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Part:
    """One of several things that a decision is about: it gets the event of the decision on one of
    them (`verb`), and separate remote steps."""

    verb: str
    target: Target
    effects: Sequence[EffectSpec] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    private: Mapping[str, Any] = field(default_factory=dict)
    connection: str = ""


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit did: effects to run remotely and data for its event."""

    parts: Sequence[Part] = ()
    effects: Sequence[EffectSpec] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    private: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] | None = None
    connection: str = ""  # the Auth0 connection it is about, for the filter of that name


@dataclass(frozen=True, slots=True)
class CommitContext:
    """Everything a verb's `commit`, `hold` or `release` may use."""

    actor: Actor
    target: Target
    params: dict[str, Any]
    reason: str
    severity: str
    operation: str
    approval: str = ""
    intent_hash: str = ""
    approver: Actor | None = None
    expires_at: str = ""
    prepared: Any = None  # by the verb's `prepare`; None where the decision waited for people


CommitFn = Callable[[CommitContext], Committed]
ReleaseFn = Callable[[CommitContext], Committed | None]
"""None where what was held is gone: there is nothing to record."""
AlreadyFn = Callable[[Actor, Target, Mapping[str, Any], str], str]
"""Since when it is so already, for this actor at this severity; empty where it is not."""


def _notify_nobody(_ctx: CommitContext, _event: UUID) -> None:
    """Most verbs need not know which event tells of them."""


def _always(_target: Target, _params: Mapping[str, Any]) -> bool:
    """Most verbs do the same to exposure whatever their parameters."""
    return True


def _nothing_else(_target: Target, _params: Mapping[str, Any]) -> Sequence[Target]:
    """Most verbs decide on one thing."""
    return ()


def _without_limit(_target: Target, _params: Mapping[str, Any]) -> None:
    """Most decisions may be asked for as often as somebody likes."""


def _never(_actor: Actor, _target: Target) -> bool:
    """Most verbs take any session, and no reason."""
    return False


def _no_more_rows(_target: Target, _params: Mapping[str, Any]) -> None:
    """Most decisions depend on their own target, which is locked."""


def _fits_on_phones(_target: Target, _params: Mapping[str, Any]) -> bool:
    """Most decisions take one sentence."""
    return False


def _needless(_actor: Actor, _target: Target, _params: Mapping[str, Any]) -> None:
    """Most verbs have nothing to do that takes long."""


@dataclass(frozen=True, slots=True)
class Verb:
    """One decision. `name` is imperative (`skill.block`), `event` its result (`skill.blocked`)."""

    name: str
    event: str
    label: str  # "Block", as on a button
    roles: frozenset[str]  # any of these; empty = the owner of the target decides (see `owns`)
    stance: Stance
    target_kinds: frozenset[str]
    commit: CommitFn
    sentence: Callable[[Target, Mapping[str, Any]], str]  # "Block skill pdf-exfil on all gateways"
    look: Callable[[Target, Mapping[str, Any]], Mapping[str, Any]] = lambda _t, _p: {}
    # Whether a phone cannot show it whole: a passkey approves it then, next to all of it.
    by_passkey: Callable[[Target, Mapping[str, Any]], bool] = _fits_on_phones
    severity: Callable[[Target, Mapping[str, Any]], str] = lambda _t, _p: "LOW"
    params: type[BaseModel] = NoParams
    owns: Callable[[Actor, Target], bool] | None = None
    hold: CommitFn | None = None  # tightened while the approval waits
    release: ReleaseFn | None = None  # undoes exactly what `hold` did, for what is still there
    holds_elsewhere: bool = False  # a hold is only asked for until those who place it answer
    if_approved: str = ""
    # What approving comes to as things are now; empty: as `if_approved`.
    expects: Callable[[Target, Mapping[str, Any]], str] = lambda _t, _p: ""
    # Why it is risky, which each verb that relaxes anything says itself, and whose account it is
    # about; may be empty.
    risk: Callable[[Target, Mapping[str, Any]], str] = lambda _t, _p: ""
    account: Callable[[Target, Mapping[str, Any]], str] = lambda _t, _p: ""
    if_denied: str = ""
    if_expired: str = ""
    about_others: Callable[[Actor, Target], bool] = lambda _a, _t: False
    may_ask: Callable[[Actor, Target], bool] = lambda _a, _t: False  # without role, never at once
    bars: Callable[[Actor, Target], None] = lambda _a, _t: None  # raises Refused at the asking
    # Refuses parameters that cannot be or may not be asked for; raises Refused at the asking.
    validate: Callable[[Actor, Target, Mapping[str, Any]], None] = lambda _a, _t, _p: None
    # Whether these parameters relax anything. Where not, they are recorded at once: RECORD.
    relaxes: Callable[[Target, Mapping[str, Any]], bool] = _always
    # Counts a new request, in its transaction; raises Refused where it is one too many.
    count_request: Callable[[Target, Mapping[str, Any]], None] = _without_limit
    already: AlreadyFn = lambda _a, _t, _p, _s: ""  # it is so: since when and by whom
    first: Callable[[Target], Subject | None] | None = None  # who approves before anybody else
    # Everything else that a commit decides on; requests about it are locked before its rows.
    parts: Callable[[Target, Mapping[str, Any]], Sequence[Target]] = _nothing_else
    # Whether who carries it out asks for proof of a person's decision: relaxing then always asks
    # somebody, and a hold that a request placed ends by a denial with a passkey alone.
    needs_proof: Callable[[Target], bool] = lambda _t: False
    # Locks the rows of other targets on which `look` depends; called before it is judged again.
    lock: Callable[[Target, Mapping[str, Any]], None] = _no_more_rows
    needs_fresh_sign_in: Callable[[Actor, Target], bool] = _never  # ten minutes, second factor
    needs_reason: Callable[[Actor, Target], bool] = _never
    recorded: Callable[[CommitContext, UUID], None] = (
        _notify_nobody  # the event that tells of a commit
    )
    # What would hold the transaction of a commit for long, done before it; may raise Refused.
    prepare: Callable[[Actor, Target, Mapping[str, Any]], Any] = _needless


_RISKS = {Stance.FINAL: "it is not undone automatically"}


LONGEST_FACT: Final = 255
"""Characters of what an approver reads next to the sentence, as the rows of requests keep it."""


def facts(
    verb: Verb, actor: Actor, target: Target, params: Mapping[str, Any], severity: str
) -> dict[str, str]:
    """What an approver reads next to the sentence, by column of the request. Of what is longer
    than `LONGEST_FACT`, the middle is left out and counted."""
    texts = {
        "if_approved": verb.expects(target, params),
        "risk": _why_risky(verb, actor, target, params, severity),
        "account": verb.account(target, params),
    }
    return {name: safe_display.shortened(text, LONGEST_FACT) for name, text in texts.items()}


def _why_risky(
    verb: Verb, actor: Actor, target: Target, params: Mapping[str, Any], severity: str
) -> str:
    """Why a decision is risky, as its verb says, else as its stance does; and that its requester
    raised its severity, where nothing found says so."""
    why = verb.risk(target, params) or _RISKS.get(verb.stance, "")
    found = verb.severity(target, params)
    if not actor.sub or severity_rank(severity) <= severity_rank(found):
        return why
    return f"{why}; raised from {found.capitalize()} by the requester"


_VERBS: dict[str, Verb] = {}
EffectHandler = Callable[[dict[str, Any], "EffectRun"], "EffectResult"]
_HANDLERS: dict[str, EffectHandler] = {}


@dataclass(frozen=True, slots=True)
class EffectRun:
    """How a handler is called: which effect, which attempt, for which act."""

    effect_id: str
    attempt: int
    operation: str
    approval: str
    instance: str


@dataclass(frozen=True, slots=True)
class EffectResult:
    """What a remote step came to. `unknown` is read back before any retry (DESIGN 1.3.4).

    `tried` is False where somebody else fetches it in their own time: no limit of tries counts.
    """

    state: str  # done | failed | unknown | pending
    detail: str = ""
    retry_in_s: float | None = None
    tried: bool = True
    data: Mapping[str, Any] = field(default_factory=dict)


class UnknownVerb(LookupError):
    """No app registered this verb."""


def register(verb: Verb) -> Verb:
    """Add a verb; called at import of an app's `decisions` modules.

    Raises:
        ValueError: the name is taken.
    """
    if verb.name in _VERBS:
        raise ValueError(f"verb {verb.name} is registered twice")
    _VERBS[verb.name] = verb
    return verb


def get(name: str) -> Verb:
    """The verb of that name.

    Raises:
        UnknownVerb: naming the nearest known one is the caller's job (`names()`).
    """
    try:
        return _VERBS[name]
    except KeyError:
        raise UnknownVerb(name) from None


def names() -> tuple[str, ...]:
    """All registered verbs, sorted."""
    return tuple(sorted(_VERBS))


def effect(kind: str) -> Callable[[EffectHandler], EffectHandler]:
    """Decorator: register the handler of one kind of remote step."""

    def add(handler: EffectHandler) -> EffectHandler:
        if kind in _HANDLERS:
            raise ValueError(f"effect {kind} is registered twice")
        _HANDLERS[kind] = handler
        return handler

    return add


def handler(kind: str) -> EffectHandler:
    """The handler of a kind of remote step.

    Raises:
        LookupError: nobody registered it.
    """
    return _HANDLERS[kind]
