"""Whether a person decided a relaxing command, judged with nothing but what was pinned.

Entry, proof and signatures are verified by `audit.ledger`, as `ata verify` does. A portal that was
taken over can sign commands; it cannot make a passkey or the issuer sign an intent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from ata import clock
from ata.outpost.commands import log_checkpoints
from ata.outpost.commands.log_checkpoints import Seen
from ata.outpost.commands.signed_command import Command, CommandRefused, unb64url
from audit.ledger import issuer_token_verification, person_and_log_levels, signed_intent_match
from audit.ledger.format import entry as entries
from audit.ledger.format.canonical import EntryError, parsed
from audit.ledger.issuer_token_verification import TokenError
from audit.ledger.passkey_assertions import Passkey

_MOST_BYTES: Final = 2**20
_COVERS: Final = {
    "release": ("release", "unblock", "allow"),
    "unblock": ("unblock", "allow"),
    "allow": ("allow",),
}
"""Of which verbs an approval gives each act: who allows something also ends its hold."""
_MOST_AHEAD_S: Final = 300
"""So far the portal's clock may be ahead of this host's."""
_ISSUER_APART_S: Final = 60
"""So far the issuer's clock may be behind the portal's."""
_LESS_THAN_CRITICAL: Final = ("INFO", "LOW", "MEDIUM", "HIGH")
"""An intent without a severity that is known here counts as CRITICAL."""
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Proven:
    """What the evidence shows; `denied` says that the person denied the intent of a hold.

    `decided_at` is when the entry was recorded; for a token no later than its issuer dated it.
    """

    denied: bool
    seen: Seen
    decided_at: str


def verify(command: Command, evidence: object, pins: Mapping[str, Any], seen: Seen) -> Proven:
    """Check that a person decided what a relaxing command asks for, in a log that only grew since
    `seen`.

    Raises:
        CommandRefused: `no_evidence`, `proof_refused`, `no_consistency`, `log_forked`,
            `intent_refused`, `human_refused`.
    """
    if not isinstance(evidence, dict) or not isinstance(evidence.get("human"), dict):
        raise CommandRefused("no_evidence", "It came without the evidence of a person's decision.")
    entry, now = log_checkpoints.entry_in_log(evidence, pins, seen)
    document = _document(entry, command)
    text = evidence.get("intent")
    if not isinstance(text, str) or len(text) > _MOST_BYTES:
        raise CommandRefused("no_evidence", "It came without the text of the intent.")
    intent = _intent(text, command)
    recorded_at = clock.parse_time(document["recorded_at"])
    if recorded_at is None or recorded_at > clock.now() + _MOST_AHEAD_S:
        raise _refused("proof", "Its entry is of a time that this host's clock has not reached")
    denied = person_and_log_levels.is_refusal(document)
    if not denied and document["outcome"] != "success":
        raise _refused("proof", f"Its entry has the outcome {document['outcome']}")
    _check_act(intent, command, denied)
    event = _event(document, intent, text)
    if problem := signed_intent_match.differs(event):
        raise _refused("intent", problem)
    person = _check_person(event, evidence["human"], command, pins)
    if _needs_another(intent, document) and _is_of(person, intent["actor"]):
        raise _refused("human", "At CRITICAL it takes another person than the one who asked")
    return Proven(denied, now, _decided_at(document, evidence["human"]))


def _document(entry: bytes, command: Command) -> dict[str, Any]:
    try:
        document = entries.parse(entry)
    except EntryError as error:
        raise _refused("proof", str(error)) from error
    if document["intent_hash"] != command.intent_hash or not command.intent_hash:
        raise _refused("proof", "Its entry is about another intent")
    if document["operation"] != command.operation or not command.operation:
        raise _refused("proof", "Its entry is about another operation")
    return document


def _intent(text: str, command: Command) -> dict[str, Any]:
    if signed_intent_match.digest(text.encode("utf-8", "surrogatepass")) != command.intent_hash:
        raise _refused("intent", "The text of the intent has another hash")
    try:
        intent = parsed(text)
        until = datetime.fromisoformat(intent["not_after"])
        known = isinstance(intent["target"], dict) and isinstance(intent["actor"], dict)
    except (ValueError, KeyError, TypeError, RecursionError):
        known, until = False, _LONG_AGO
    if not known or until.tzinfo is None:
        raise _refused("intent", "The text of the intent cannot be read")
    return dict(intent)


def _check_act(intent: Mapping[str, Any], command: Command, denied: bool) -> None:
    family, _, verb = str(intent.get("verb")).rpartition(".")
    target = intent["target"]
    if (family, target.get("kind"), target.get("name")) != (command.kind, *command.target):
        raise _refused("intent", "The person decided about another thing")
    if target.get("instance") not in (None, "", command.instance):
        raise _refused("intent", "The person decided about another gateway")
    if denied and command.act != "release":
        raise _refused("intent", "The person denied it, which ends a hold and nothing else")
    if not denied and verb not in _COVERS[command.act]:
        raise _refused("intent", f"The person decided to {verb}, and not to {command.act}")


def _event(document: dict[str, Any], intent: Mapping[str, Any], text: str) -> dict[str, Any]:
    """The entry as an event whose intent is opened; the names in the entry are commitments."""
    actor = {"iss": intent["actor"].get("iss"), "sub": intent["actor"].get("sub")}
    target = {"kind": intent["target"]["kind"], "name": intent["target"]["name"]}
    return {**document, "actor": actor, "target": target, "data": {"intent": text}}


def _check_person(
    event: dict[str, Any], human: Mapping[str, Any], command: Command, pins: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Whose signature counts."""
    keys = {str(pins["issuer"]): pins["issuer_keys"]}
    try:
        if human.get("kind") == "token":
            kind, body = "approval_token", str(human["jwt"]).encode("ascii")
            person = _token_person(body, keys, pins)
        else:
            kind, body = "assertion", _assertion(human)
            person = _passkey_owner(human, pins)
            if command.approval and human["approval_id"] != command.approval:
                raise _refused("human", "The assertion answers another approval")
        passkeys = {str(one["id"]): _passkey(one, pins) for one in pins["passkeys"]}
    except (KeyError, TypeError, ValueError) as error:
        raise _refused("human", f"Its signature cannot be judged ({error})") from error
    digest = hashlib.sha256(body).hexdigest()
    judged = event | {"evidence": [{"kind": kind, "digest": digest}]}
    judged["data"] = event["data"] | {"approver": person}
    found = next(person_and_log_levels.judge(judged, {digest: body}, keys, passkeys))
    if not found.counts:
        raise CommandRefused("human_refused", found.sentence)
    return person


def _decided_at(document: Mapping[str, Any], human: Mapping[str, Any]) -> str:
    """Who holds the key of the log could date an entry as they like, and no token."""
    recorded_at = str(document["recorded_at"])
    if human.get("kind") != "token":
        return recorded_at
    _, claims, _ = str(human["jwt"]).split(".")
    issued = datetime.fromtimestamp(json.loads(unb64url(claims))["iat"] + _ISSUER_APART_S, UTC)
    return min(issued, datetime.fromisoformat(recorded_at)).isoformat()


def _needs_another(intent: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    """Whether who asked may not decide alone: at CRITICAL, unless the log says that nobody else
    could have (*single-person*)."""
    return (
        intent.get("severity") not in _LESS_THAN_CRITICAL
        and document["data"].get("single_person") is not True
    )


def _is_of(person: Mapping[str, Any], actor: Mapping[str, Any]) -> bool:
    return (person["iss"], person["sub"]) == (actor.get("iss"), actor.get("sub"))


def _token_person(
    body: bytes, keys: Mapping[str, Mapping[str, Any]], pins: Mapping[str, Any]
) -> dict[str, Any]:
    """Whose approval token this is: for approvals only, and of one who may approve.

    Raises:
        CommandRefused: `human_refused`.
    """
    try:
        claims = issuer_token_verification.claims(body, keys)
    except TokenError as error:
        raise _refused("human", str(error)) from error
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if pins["audience"] not in named:
        raise _refused("human", "The token is not for approvals")
    person = {"iss": claims.get("iss"), "sub": claims.get("sub")}
    if person not in [{"iss": one["iss"], "sub": one["sub"]} for one in pins["approvers"]]:
        raise _refused("human", "The token is of no one who might approve at enrolment")
    return person


def _passkey_owner(human: Mapping[str, Any], pins: Mapping[str, Any]) -> dict[str, Any]:
    for one in pins["passkeys"]:
        if one["id"] == human["credential_id"]:
            return {"iss": one["iss"], "sub": one["sub"]}
    raise _refused("human", "The passkey was not pinned at enrolment")


def _assertion(human: Mapping[str, Any]) -> bytes:
    """The evidence body of an assertion, as the portal keeps it."""
    response = {
        "clientDataJSON": human["client_data"],
        "authenticatorData": human["authenticator_data"],
        "signature": human["signature"],
    }
    said = {name: human[name] for name in ("approval_id", "decision", "role")}
    credential = {"id": human["credential_id"], "response": response}
    return json.dumps({**said, "credential": credential}).encode()


def _passkey(one: Mapping[str, Any], pins: Mapping[str, Any]) -> Passkey:
    return Passkey(
        public_key=unb64url(one["public_key"]),
        iss=one["iss"],
        sub=one["sub"],
        rp_id=pins["rp_id"],
        origins=frozenset([pins["web_origin"]]),
        approver_since=_LONG_AGO if one.get("approver") else None,
    )


def _refused(what: str, why: str) -> CommandRefused:
    return CommandRefused(f"{what}_refused", f"{why}.")
