"""What an answer from the issuer means, and the evidence that makes it ours to act on.

An approval counts when the approval token verifies, its subject is the asked person and its
details are our intent. Details that differ are an attack; details absent from the token but equal
in the response are approved and labelled unsigned; absent in both, failed (RFC 9396).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from approvals import audit_events, auth0_clients, clock
from approvals.models import Approval, Ask, Person
from approvals.pipeline import deny_expire_cancel
from approvals.step_up import authorization_details, take_ciba_or_passkey_answer, tenant_log_answers
from audit.evidence import storage
from audit.recording.actors import Actor, EvidenceRef
from auth0_client.errors import Auth0Error, TokenRefused
from auth0_client.grants import ciba
from auth0_client.tokens.id_token import LEEWAY_S
from http_client.errors import HttpClientError

# An answer this close to our own expiry is read as an expiry, since clocks differ.
_CLOCKS_DIFFER = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Settle:
    """What to do under the lock; `too_late` is for approvals that closed meanwhile."""

    apply: Callable[[Approval, Ask], None]
    too_late: Callable[[Approval, Ask], None] = lambda _approval, _ask: None


class NotOurs(Exception):
    """The tokens do not prove an approval of this intent by this person."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class _Proven:
    signed: bool
    evidence: tuple[EvidenceRef, ...]


def approved(ask: Ask, answer: ciba.Approved, read_at: float) -> Settle:
    """Check the tokens, as of when they were read (epoch seconds), before anything commits."""
    person = ask.person
    try:
        proven = _prove(ask, answer, person, read_at)
    except NotOurs as refused:
        code, detail = refused.code, refused.detail
        return Settle(lambda approval, ask: deny_expire_cancel.fail(approval, ask, code, detail))
    actor = person.as_actor(via="phone")

    def take(approval: Approval, ask: Ask) -> None:
        code = take_ciba_or_passkey_answer.give(
            approval,
            ask,
            actor,
            channel="ciba",
            decision="approve",
            signed=proven.signed,
            evidence=proven.evidence,
        )
        if code:  # the answer comes once, so it cannot be given again
            deny_expire_cancel.fail(approval, ask, code, take_ciba_or_passkey_answer.REFUSALS[code])

    return Settle(
        apply=take,
        too_late=lambda approval, ask: _note_late(approval, ask, person),
    )


def _note_late(approval: Approval, ask: Ask, person: Person) -> None:
    audit_events.answered_too_late(approval, ask, person.as_actor(via="phone"), "approved")


def _prove(ask: Ask, answer: ciba.Approved, person: Person, read_at: float) -> _Proven:
    expected = authorization_details.for_ask(ask)
    tokens = answer.tokens
    kept: list[EvidenceRef] = []
    signed_details: Sequence[Mapping[str, object]] = ()
    try:
        if tokens.id_token:
            identity = auth0_clients.auth0().verify_id_token(
                tokens.id_token, nonce=None, once=True, now=read_at
            )
            if identity.subject != person.sub:
                raise NotOurs("wrong_subject", "Someone other than the asked person approved.")
            if identity.issued_at < _asked_at(ask) - LEEWAY_S:
                raise NotOurs("too_old", "Auth0's answer is older than the question.")
            kept.append(_keep("id_token", tokens.id_token, person, identity.expires_at))
        signed_details = _signed_details(ask, tokens.access_token, person, kept, read_at)
        if not kept:
            raise NotOurs("nothing_signed", "Auth0 answered without a token that can be checked.")
        auth0_clients.keep_snapshots()
    except TokenRefused as refused:
        raise NotOurs(refused.code, f"Auth0's answer did not verify: {refused.detail}.") from None
    except (Auth0Error, HttpClientError) as error:
        raise NotOurs("keys_unreachable", f"Auth0's keys could not be read: {error}.") from None
    for found in (signed_details, tokens.authorization_details):
        if found and not authorization_details.same(list(found), expected):
            raise NotOurs("details_differ", "What was approved is not what was asked.")
    if not signed_details and not tokens.authorization_details:
        raise NotOurs("details_missing", "Auth0 did not say what was approved.")
    return _Proven(bool(signed_details), tuple(kept))


def _signed_details(
    ask: Ask, access_token: str, person: Person, kept: list[EvidenceRef], read_at: float
) -> Sequence[Mapping[str, object]]:
    """The details inside the verified approval token; empty where the token carries none."""
    if access_token.count(".") != 2:  # opaque: the issuer signs nothing for this audience
        return ()
    try:
        token = auth0_clients.auth0().verify_approval_token(
            access_token, expected_sub=person.sub, issued_after=_asked_at(ask), now=read_at
        )
    except TokenRefused as refused:
        if refused.code != "authorization_details":
            raise
        if (storage.claims_of(access_token.encode()) or {}).get("authorization_details"):
            raise NotOurs("details_differ", "What was approved cannot be read.") from None
        return ()
    kept.append(_keep("approval_token", access_token, person, token.expires_at))
    return token.authorization_details


def _asked_at(ask: Ask) -> float:
    return (ask.started or ask.approval.created).timestamp()


def _keep(kind: str, token: str, person: Person, expires_at: float) -> EvidenceRef:
    return storage.put(
        kind,
        token.encode(),
        subject_key=person.subject.key,
        not_before_release=datetime.fromtimestamp(expires_at, UTC),
    )


def refused(ask: Ask, now: datetime) -> Settle:
    """Auth0 says denied or expired with one word: our clock tells them apart (DESIGN 1.3.5)."""
    if now >= ask.expires_at - _CLOCKS_DIFFER:
        return expired(ask, now, source="our clock")
    person = ask.person.as_actor(via="phone")
    seen = tenant_log_answers.rejection_seen(ask, refused_by_auth0=True)
    return Settle(lambda approval, ask: _deny(approval, ask, person, seen))


def _deny(
    approval: Approval, ask: Ask, person: Actor, seen: tenant_log_answers.Rejection | None
) -> None:
    take_ciba_or_passkey_answer.give(
        approval,
        ask,
        person,
        channel="ciba",
        decision="deny",
        signed=False,
        evidence=(),
        inferred=seen is None,
        source="our clock" if seen is None else "tenant log",
        reason=seen.reason if seen else "",
    )


def expired(ask: Ask, now: datetime, *, source: str) -> Settle:
    """Nobody answered in time."""
    return Settle(
        lambda approval, ask: deny_expire_cancel.expire(approval, ask, source=source, now=now)
    )


def lost(ask: Ask) -> Settle:
    """The answer was given to a worker that died, or the request is unknown: nothing commits.

    The tenant log is no proof of an approval; that it was refused is believed.
    """
    approved = tenant_log_answers.approval_seen(ask)
    # Where it may have been either, it is neither: a lost answer must put no word in a mouth.
    seen = None if approved else tenant_log_answers.rejection_seen(ask, refused_by_auth0=False)
    if seen is not None:
        person = ask.person.as_actor(via="phone")
        return Settle(lambda approval, ask: _deny(approval, ask, person, seen))
    whose = "The tenant log says that it was approved, but its" if approved else "Auth0's"
    detail = f"{whose} answer came once and was lost. Nothing was committed; ask again."
    return Settle(
        lambda approval, ask: deny_expire_cancel.fail(approval, ask, "answer_lost", detail)
    )


def unreachable(ask: Ask, now: datetime) -> Settle:
    """Auth0 stayed away until long after the request expired."""
    return Settle(
        lambda approval, ask: deny_expire_cancel.fail(
            approval,
            ask,
            "issuer_unreachable",
            "Auth0 could not be reached between "
            f"{clock.stamp(ask.expires_at)} and {clock.stamp(now)}.",
        )
    )
