"""Checking the signed result of an access review offline, line by line. Needs no server.

The first line is a signed document (JSON Signature Format 0.82, Ed25519 with the log's key over
its RFC 8785 form without the value). It names how many lines follow and their SHA-256, the digest
of the list as it was frozen when the review opened, and counts. A review that was closed before
there were lines is one document with its accounts in it (`ata.access-review.v1`).
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit.ledger import note
from audit.ledger.format.canonical import EntryError, canonical, parsed
from audit.ledger.key_transitions.log_renames import Move
from audit.ledger.note import ED25519, VerifierKey
from audit.ledger.offline.proof_check import Step, led_on, moved, moved_unproven
from audit.ledger.trust_policy import Policy

PROFILES: Final = ("ata.access-review.v1", "ata.access-review.v2")
LONGEST: Final = 64 * 1024 * 1024
"""Bytes of one line."""
_DECIDED: Final = frozenset(
    {"decision", "reason", "decided_at", "decided_by", "self_review", "event", "at_closing"}
    | {"approval"}
)
"""What a line says beside the account as it was frozen."""
_COUNTED: Final = ("keep", "reduce", "revoke", "undecided")
UNPROVEN: Final = (
    "That this is the result that was handed out: hold its SHA-256 to result_sha256 of its "
    "review.closed, and scope_sha256 of its review.opened to the frozen list.",
    "Who decided what: the event of each decision proves that, with its own evidence.",
    "That what was frozen was true of Auth0: it says what was known then.",
)


@dataclass(frozen=True, slots=True)
class ReviewReport:
    """All checks in order.

    Attributes:
        words: title and counts as a sentence.
        sha256: hex digest of the whole file.
        not_proven: sentences; never empty.
    """

    words: str
    sha256: str
    steps: tuple[Step, ...]
    not_proven: tuple[str, ...] = UNPROVEN

    @property
    def ok(self) -> bool:
        """Whether every step held."""
        return all(step.ok for step in self.steps)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "ok": self.ok,
            "words": self.words,
            "sha256": self.sha256,
            "steps": [{"name": s.name, "ok": s.ok, "detail": s.detail} for s in self.steps],
            "not_proven": list(self.not_proven),
        }


def head_of(line: bytes) -> dict[str, Any] | None:
    """The first line of a result; None where it is none."""
    if not line.startswith(b'{"accounts":'):  # RFC 8785 sorts the members
        return None
    try:
        head = parsed(line)
        if canonical(head) != line.rstrip(b"\n"):  # as it was signed, and not what reads alike
            return None
    except (ValueError, RecursionError):
        return None
    return head if isinstance(head, dict) and head.get("profile") in PROFILES else None


def check(
    lines: Iterable[bytes],
    vkeys: Iterable[VerifierKey],
    required: Collection[int] = (),
    moves: Collection[Move] = (),
) -> ReviewReport:
    """Check a result; failures are steps of the report, never exceptions.

    Args:
        lines: of the file, the first included, each with its line feed.
        vkeys: log keys that the verifier trusts.
        required: key types that must each have signed, as `Policy.required`.
        moves: changes of the log's name, as `Policy.moves`.
    """
    rest = iter(lines)
    first = next(rest, b"")
    head = head_of(first)
    if head is None:
        step = Step("The first line is the head of a result", False, "It is something else.")
        return ReviewReport("", hashlib.sha256(first).hexdigest(), (step,))
    walked = _Walked(first)
    frozen, counted, problem = _accounts(head, walked, rest)
    who, signed = _signed(head, list(vkeys), required)
    steps = [signed, *moved(who, moves)]
    if not isinstance(head["accounts"], list):
        steps.append(_named(head, walked))
    if problem:
        steps.append(Step("Each line is about one account", False, problem))
    else:
        steps += [_counts(head, counted), _scope(head, frozen)]
    limits = (*UNPROVEN, *moved_unproven(who, moves))
    return ReviewReport(_words(head), walked.whole.hexdigest(), tuple(steps), limits)


def followed(head: Mapping[str, Any], trust: Policy) -> tuple[Policy, list[Step]]:
    """The verifier's policy with the keys to which its own lead, by what came in the first line.

    A log that changed its name brings what its former keys signed
    (`audit.ledger.key_transitions.key_statements_in_exports`).
    """
    return led_on(
        head,
        lambda: note.parse_vkey(str(_get(head, "signature", "keyId"))).name,
        lambda key: _made(head, key),
        trust,
    )


class _Walked:
    """Digests of what was read so far: of the whole file, and of the lines behind the first."""

    def __init__(self, first: bytes) -> None:
        self.whole, self.behind, self.number = hashlib.sha256(first), hashlib.sha256(), 0

    def lines(self, rest: Iterator[bytes]) -> Iterator[bytes]:
        """The lines, digested as they pass."""
        for line in rest:
            self.whole.update(line)
            self.behind.update(line)
            self.number += 1
            yield line


def _accounts(
    head: Mapping[str, Any], walked: _Walked, rest: Iterator[bytes]
) -> tuple[str, Counter[str], str]:
    """Digest of the accounts as they were frozen, what was decided, and what cannot be read."""
    frozen, counted, problem = hashlib.sha256(b'{"accounts":['), Counter[str](), ""
    within = head["accounts"] if isinstance(head["accounts"], list) else []
    for number, line in enumerate((*within, *walked.lines(rest)), 1):
        if problem:
            continue  # the digests are of everything all the same
        try:
            one = parsed(line) if isinstance(line, bytes) else line
            facts = canonical({k: v for k, v in one.items() if k not in _DECIDED})
            counted[str(one["decision"])] += 1
        except (ValueError, RecursionError, AttributeError, KeyError, EntryError):
            problem = f"Account {number} cannot be read."
            continue
        frozen.update((b"," if number > 1 else b"") + facts)
    frozen.update(b'],"review":' + canonical(_get(head, "review", "id")) + b"}")
    return frozen.hexdigest(), counted, problem


def _signed(
    head: Mapping[str, Any], vkeys: list[VerifierKey], required: Collection[int]
) -> tuple[str, Step]:
    """The log that signed it, and the step."""
    name = "A log you trust signed the result"
    if others := sorted(set(required) - {ED25519}):
        return "", Step(
            name, False, f"It has an Ed25519 signature alone, and you ask for {others}."
        )
    if _signature(head) is None:
        return "", Step(name, False, "It carries no signature.")
    if _get(head, "signature", "algorithm") != "Ed25519":
        return "", Step(name, False, "It is signed by another algorithm than Ed25519.")
    for key in vkeys:
        if _made(head, key):
            return key.name, Step(name, True, f"{key.name} signed it.")
    return "", Step(name, False, "No key that you trust made its signature, or it was changed.")


def _signature(head: Mapping[str, Any]) -> tuple[bytes, bytes] | None:
    """The signature and its message; None where it carries none."""
    try:
        signature = dict(head["signature"])
        value = urlsafe_b64decode(f"{signature.pop('value')}==")
        return value, canonical({**head, "signature": signature})
    except (KeyError, TypeError, ValueError, EntryError):
        return None


def _made(head: Mapping[str, Any], key: VerifierKey) -> bool:
    """Whether a key made its signature."""
    found = _signature(head)
    if found is None or key.key_type != ED25519:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(*found)
    except InvalidSignature:
        return False
    return bool(_get(head, "signature", "algorithm") == "Ed25519")


def _named(head: Mapping[str, Any], walked: _Walked) -> Step:
    name = "The lines are those that the first one names"
    said = head["accounts"]
    if said != {"number": walked.number, "sha256": walked.behind.hexdigest()}:
        return Step(name, False, f"{walked.number:,} others follow it, or some were changed.")
    return Step(name, True, f"{walked.number:,} lines, SHA-256 {walked.behind.hexdigest()}.")


def _counts(head: Mapping[str, Any], counted: Counter[str]) -> Step:
    name = "The counts are those of the accounts"
    found = {"accounts": counted.total()} | {choice: counted[choice] for choice in _COUNTED}
    if head.get("counts") != found:
        return Step(name, False, "The first line counts otherwise.")
    return Step(name, True, ", ".join(f"{found[choice]:,} {choice}" for choice in _COUNTED) + ".")


def _scope(head: Mapping[str, Any], frozen: str) -> Step:
    name = "The accounts are as they were frozen"
    if _get(head, "scope", "intact") is not True:
        erased = _get(head, "scope", "erased", "certificate")
        if erased is not None:
            said = f"A person was erased from the list before it closed (entry {erased})."
            return Step(name, True, said)
        return Step(name, False, "The portal itself says that the list was not intact.")
    if _get(head, "scope", "sha256") != frozen:
        return Step(name, False, "Their digest is not the one that the result names.")
    return Step(name, True, f"SHA-256 {frozen}.")


def _words(head: Mapping[str, Any]) -> str:
    title, closed = _get(head, "review", "title"), _get(head, "review", "closed_at")
    words = _get(head, "review", "filter", "in_words")
    return f"Access review “{title}”, closed {closed}: {words}"


def _get(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
