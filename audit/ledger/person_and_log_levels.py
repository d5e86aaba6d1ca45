"""The two evidence scales, computed by verifying and never from mere presence.

*Human* (who): H0 asserted or imported · H1 an issuer-signed sign-in of the actor · H2 one
signature, by the issuer or a passkey, over this very intent · H3 both. *Log* (that it was recorded
so): L0 recorded · L1 in the signed tree · L2 cosigned by a quorum of the verifier's witnesses · L3
with external time too. Trust roots come from the verifier. The portal and `ata verify` call this.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final, TypeGuard

from audit.ledger import (
    inclusion_proof_file,
    issuer_token_verification,
    passkey_assertions,
    signed_intent_match,
)
from audit.ledger.format.allowed_field_values import HUMAN_WORDS, LOG_WORDS
from audit.ledger.issuer_token_verification import Aside, TokenError, UnknownKey
from audit.ledger.merkle import ProofError
from audit.ledger.note import NoteError
from audit.ledger.passkey_assertions import AssertionFailed, Passkey, UnknownPasskey
from audit.ledger.trust_policy import Policy

CLOCK_SKEW: Final = timedelta(minutes=5)
_REFUSALS: Final = ("denied", "expired")
_DENIES: Final = ("deny", "denied")
_APPROVES: Final = ("approve", "approved")

type IssuerKeys = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Level:
    """A level and why it is that one.

    Attributes:
        code: H0 to H3, or L0 to L3.
        reasons: sentences; first what raised the level, then what did not.
        raised: how many of them raised it.
        digests: of the evidence that raised it, in the order of those sentences.
    """

    code: str
    reasons: tuple[str, ...]
    raised: int = field(default=0, compare=False)
    digests: tuple[str, ...] = field(default=(), compare=False)

    @property
    def words(self) -> str:
        """The level in words."""
        return (HUMAN_WORDS | LOG_WORDS)[self.code]

    @property
    def proves(self) -> tuple[str, ...]:
        """The sentences that raised the level."""
        return self.reasons[: self.raised]

    @property
    def lacks(self) -> tuple[str, ...]:
        """The sentences that say why it is no higher."""
        return self.reasons[self.raised :]


def human(
    event: dict[str, Any],
    evidence: Mapping[str, bytes],
    issuer_keys: IssuerKeys,
    passkeys: Mapping[str, Passkey] | None = None,
) -> Level:
    """Return how well the person's part in an event is proven.

    An inferred denial and every expiry stay at H1 or below: nobody signed them. An approval token
    proves an approval only, so it does not raise a denial.

    Args:
        event: public event JSON; erased values prove nothing.
        evidence: hex SHA-256 -> body, those of the event's evidence that can still be read.
        issuer_keys: issuer -> JWKS that the verifier trusts.
        passkeys: credential id -> passkey that the verifier trusts.
    """
    return level_of(event, tuple(judge(event, evidence, issuer_keys, passkeys)))


def level_of(event: dict[str, Any], judged: Collection[Judged]) -> Level:
    """The level as `human` returns it, of evidence that was judged."""
    good = [one.sentence for one in judged if one.counts]
    bad = [one.sentence for one in judged if not one.counts]
    kinds = {one.kind for one in judged if one.counts}
    sign_in, signatures = "id_token" in kinds, len(kinds - {"id_token"})
    code = f"H{signatures + 1}" if signatures else "H1" if sign_in else "H0"
    if signatures and _unsigned(event):
        code = "H1" if sign_in else "H0"
        bad.append("No one signs an expiry or an inferred denial, so signatures do not count here.")
    if not good:
        bad.insert(0, "Nothing but the recorder's word says who this was.")
    digests = tuple(one.digest for one in judged if one.counts)
    return Level(code, (*good, *bad), len(good), digests)


@dataclass(frozen=True, slots=True)
class Judged:
    """What one body of evidence says about an event.

    Attributes:
        kind, digest: as the entry names it.
        state: `counts` · `aside` (verifies, and bears not on this) · `refused` (does not verify, or
            says something else) · `unknown` (the verifier has no key for it, or no body).
        sentence: why.
        person: issuer and subject of whom it proves; both "" where it does not count.
    """

    kind: str
    digest: str
    state: str
    sentence: str
    person: tuple[str, str] = ("", "")

    @property
    def counts(self) -> bool:
        """Whether it raises the level."""
        return self.state == "counts"

    @property
    def signs(self) -> bool:
        """Whether it is a signature over the intent, and not only a sign-in."""
        return self.kind != "id_token"


def judge(
    event: dict[str, Any],
    evidence: Mapping[str, bytes],
    issuer_keys: IssuerKeys,
    passkeys: Mapping[str, Passkey] | None = None,
) -> Iterator[Judged]:
    """Judge every token and assertion that an event names, each once; arguments as in `human`."""
    act = _Act(event)
    for kind, digest, body, problem in _bodies(event, evidence):
        if body is None:
            swapped = digest in evidence
            yield Judged(kind, digest, "refused" if swapped else "unknown", problem)
            continue
        try:
            if kind == "id_token":
                person, said = _sign_in(act, body, issuer_keys)
            elif kind == "approval_token":
                person, said = _issuer_approval(act, body, issuer_keys)
            else:
                person, said = _passkey_decision(act, body, passkeys or {})
            yield Judged(kind, digest, "counts", said, person)
        except (TokenError, AssertionFailed) as error:
            state = _STATES.get(type(error), "refused")
            yield Judged(kind, digest, state, f"The {_KINDS[kind]} does not count: {error}.")


_STATES: Final[dict[type[Exception], str]] = {
    UnknownKey: "unknown",
    UnknownPasskey: "unknown",
    Aside: "aside",
}
_KINDS: Final = {
    "id_token": "sign-in token",
    "approval_token": "approval token",
    "assertion": "passkey assertion",
}


def _bodies(
    event: dict[str, Any], evidence: Mapping[str, bytes]
) -> Iterator[tuple[str, str, bytes | None, str]]:
    named = dict.fromkeys((one["kind"], one["digest"]) for one in event["evidence"])
    for kind, digest in named:
        if kind not in _KINDS:
            continue
        body = evidence.get(digest)
        if body is None:
            yield kind, digest, None, f"The {_KINDS[kind]} {digest[:12]}… is not at hand."
        elif hashlib.sha256(body).hexdigest() != digest:
            problem = f"The {_KINDS[kind]} {digest[:12]}… is another body than recorded."
            yield kind, digest, None, problem
        else:
            yield kind, digest, body, ""


class _Act:
    """What all evidence of an event is compared with, read once however much evidence it names."""

    def __init__(self, event: dict[str, Any]) -> None:
        self.event = event

    @cached_property
    def people(self) -> frozenset[tuple[str, str]]:
        """Issuer and subject of the actor and of each approver who has both."""
        found = ((one.get("iss"), one.get("sub")) for one in _deciders(self.event))
        return frozenset(
            (iss, sub) for iss, sub in found if _is_text(iss) and _is_text(sub) and sub
        )

    @cached_property
    def erased(self) -> bool:
        """Whether somebody of them is not opened."""
        return any(not isinstance(person.get("sub"), str) for person in _deciders(self.event))

    @cached_property
    def difference(self) -> str:
        """How the event differs from the text of its intent; empty where it does not."""
        return signed_intent_match.differs(self.event)

    def has(self, claims: Mapping[str, Any]) -> bool:
        """Whether the person of these claims is one of them."""
        iss, sub = claims.get("iss"), claims.get("sub")
        return _is_text(iss) and _is_text(sub) and (iss, sub) in self.people


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str)


type _Proven = tuple[tuple[str, str], str]
"""Issuer and subject of whom evidence proves, and a sentence."""


def _sign_in(act: _Act, body: bytes, issuer_keys: IssuerKeys) -> _Proven:
    claims, event = issuer_token_verification.claims(body, issuer_keys), act.event
    actor = event["actor"]
    if not _same_person(claims, actor):
        if act.has(claims):
            raise Aside("it belongs to the approver and says nothing about the actor")
        if not isinstance(actor["sub"], str):
            raise Aside("it is of another person than the actor, or the actor has been erased")
        raise TokenError("it is of another person than the actor, or the actor has been erased")
    issued = _issued(claims, event)
    said = f"{claims['iss']} signed that this person signed in, at {issued:%Y-%m-%d %H:%M:%S} UTC."
    return (claims["iss"], claims["sub"]), said


def _issuer_approval(act: _Act, body: bytes, issuer_keys: IssuerKeys) -> _Proven:
    claims, event = issuer_token_verification.claims(body, issuer_keys), act.event
    if is_refusal(event):
        raise Aside("it proves an approval, and this event is a refusal")
    if not act.has(claims):
        kind = Aside if act.erased else TokenError
        raise kind("it is of neither the actor nor the approver")
    signed = _signed_details(claims)
    if not event["intent_hash"] or signed.get("intent_hash") != event["intent_hash"]:
        raise TokenError("it approves another intent")
    if problem := act.difference or signed_intent_match.names_another(event, signed):
        raise TokenError(problem)
    if not signed_intent_match.has_text(event) and not {"verb", "target"} <= signed.keys():
        raise Aside("nothing at hand says which act the intent is")
    issued = _issued(claims, event)
    return (claims["iss"], claims["sub"]), (
        f"{claims['iss']} signed that {_who_signed(event, claims)} accepted exactly this "
        f"request at {issued:%Y-%m-%d %H:%M:%S} UTC."
    )


def _passkey_decision(act: _Act, body: bytes, passkeys: Mapping[str, Passkey]) -> _Proven:
    event = act.event
    if not event["intent_hash"]:
        raise AssertionFailed("this event names no intent")
    at = datetime.fromisoformat(event["recorded_at"])
    found = passkey_assertions.verify(body, event["intent_hash"], passkeys, at)
    owner = {"iss": found.passkey.iss, "sub": found.passkey.sub}
    if not act.has(owner):
        raise AssertionFailed("its passkey belongs to neither the actor nor the approver")
    if found.decision not in (_DENIES if is_refusal(event) else _APPROVES):
        raise AssertionFailed(f"it says {found.decision!r}, which is not what happened")
    if event["approval"] and found.approval_id != event["approval"]:
        raise AssertionFailed("it answers another approval")
    if act.difference:
        raise AssertionFailed(act.difference)
    if not signed_intent_match.has_text(event):
        raise UnknownPasskey("nothing at hand says which act the intent is")
    if not _same_person(owner, event["actor"]) and not found.passkey.approves_for_others(at):
        raise AssertionFailed("no second person had confirmed its passkey for what others ask")
    revoked = found.passkey.revoked_at
    since = f" It was revoked later, at {revoked:%Y-%m-%d %H:%M:%S} UTC." if revoked else ""
    who = _who_signed(event, owner)
    said = f"The passkey of {who}, after verifying its user, signed this very intent.{since}"
    return (owner["iss"], owner["sub"]), said


def _deciders(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield event["actor"]
    yield from approvers(event)


def approvers(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Whom an event names as its approvers; their issuer is the actor's where they have none."""
    data = event["data"]
    others = data.get("approvers")
    for approver in (data.get("approver"), *(others if isinstance(others, list) else ())):
        if isinstance(approver, dict):
            yield {"iss": event["actor"]["iss"]} | approver


def _who_signed(event: dict[str, Any], signer: Mapping[str, Any]) -> str:
    """Name and subject of who signed, as the event names them."""
    iss, sub = str(signer["iss"]), str(signer["sub"])
    for one in _deciders(event):
        name = one.get("name")
        if (one.get("iss"), one.get("sub")) == (iss, sub) and isinstance(name, str) and name:
            return f"{name} ({sub})"
    return sub


def _same_person(claims: Mapping[str, Any], person: Mapping[str, Any]) -> bool:
    sub = person.get("sub")
    # An erased value is an object, and nobody is "".
    if not isinstance(sub, str) or not sub:
        return False
    return bool(claims.get("sub") == sub and claims.get("iss") == person.get("iss"))


def _issued(claims: Mapping[str, Any], event: dict[str, Any]) -> datetime:
    issued = claims.get("iat")
    if isinstance(issued, bool) or not isinstance(issued, int) or not 0 < issued < 2**33:
        raise TokenError("it does not say when it was issued")
    when = datetime.fromtimestamp(issued, UTC)
    if when > datetime.fromisoformat(event["recorded_at"]) + CLOCK_SKEW:
        raise TokenError("it was issued after the event was recorded")
    return when


def _signed_details(claims: Mapping[str, Any]) -> dict[str, str]:
    """What the issuer signed of the act: the texts of the first `authorization_details`."""
    details: Any = claims.get("authorization_details")
    try:
        if isinstance(details, str):
            details = json.loads(details)
        found = details[0]["properties"].items()
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return {}
    values = {name: one.get("value") if isinstance(one, dict) else one for name, one in found}
    return {name: value for name, value in values.items() if isinstance(value, str)}


def is_refusal(event: dict[str, Any]) -> bool:
    """Whether the event is a denial or an expiry."""
    return event["outcome"] in _REFUSALS or event["action"].endswith((".denied", ".expired"))


def _unsigned(event: dict[str, Any]) -> bool:
    expired = event["outcome"] == "expired" or event["action"].endswith(".expired")
    return expired or (is_refusal(event) and event["data"].get("inferred") is True)


def log(
    entry: bytes,
    proof_text: str | bytes | None,
    policy: Policy,
    *,
    discounted: Collection[str] = (),
    external_time: datetime | None = None,
) -> Level:
    """Return how well the record of an entry is anchored.

    Args:
        entry: the exact bytes.
        proof_text: a C2SP tlog-proof, or None before there is one.
        policy: the verifier's logs, witnesses and quorum. `quorum none` asks for no witness and so
            cannot give L2.
        discounted: key names of witnesses that count toward no quorum (one in our own process).
        external_time: a time that the caller has verified in a timestamp token over this proof's
            checkpoint by an authority it trusts.
    """
    if proof_text is None:
        return Level("L0", ("It is recorded and not yet in the signed tree.",))
    try:
        parsed = inclusion_proof_file.parse(proof_text)
        head = inclusion_proof_file.verify(parsed, entry, policy.logs)
        verdict = policy.judge(parsed.checkpoint, discounted=discounted)
    except (ProofError, NoteError) as error:
        return Level("L0", (f"The proof does not hold: {error}.",))
    reasons = [f"It is entry {parsed.index} of {head.size} in the tree that {head.origin} signed."]
    if not policy.witnessed or not verdict.quorum_met:
        reasons.append("No quorum of trusted witnesses has cosigned this tree.")
        return Level("L1", tuple(reasons), 1)
    names = ", ".join(sorted(found.key.name for found in verdict.cosignatures))
    reasons.append(f"Cosigned by {names}, which makes the verifier's quorum.")
    if external_time is None:
        reasons.append("No external time authority has stamped it.")
        return Level("L2", tuple(reasons), 2)
    reasons.append(f"An external authority had seen it by {external_time:%Y-%m-%d %H:%M:%S} UTC.")
    return Level("L3", tuple(reasons), 3)
