"""What the check of an evidence pack found, and the verdict: that of its weakest claim.

`audit/packs/verifier/verdict.js` reaches the same verdict in a browser.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from audit.ledger.person_and_log_levels import Level

FAILED: Final = "failed"
UNSIGNED: Final = "unsigned"
UNPROVEN: Final = "unproven"
VERIFIED: Final = "verified"
WHO_ACTED: Final = "who acted"
WHO_APPROVED: Final = "who approved"

_VERIFIED: Final = (
    "Verified: nothing in it was changed, and the people it names as actor or approver are proven."
)

type Identity = tuple[str, str]
"""Issuer and subject of a person."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        name: what was checked, in a few words.
        state: `ok` · `failed` · `unchecked` (not checked here) · `withheld` (what it needs is
            not in the pack) · `aside` (holds, bears not on it).
        detail: a sentence.
    """

    name: str
    state: str
    detail: str


@dataclass(frozen=True, slots=True)
class Named:
    """A person whom an entry names.

    Attributes:
        words: name, subject and issuer, as far as the entry opens them.
        identity: issuer and subject; the subject is "" where there is none or it was erased.
    """

    words: str
    identity: Identity


@dataclass(frozen=True, slots=True)
class Claim:
    """What an entry says about people, what proves it, and what could not be checked.

    Attributes:
        actor: who acted; None where no person is named.
        approvers: who approved; empty where the entry names nobody, or nobody signs it.
        signed_in: people whose sign-in its own evidence proves.
        signed: people whose signature over its intent its own evidence proves.
        acts: ids of the approval and the operation that it belongs to; none for an import.
        intent: hash of the intent; "" where there is none.
        imported: whether another system reported it.
        gaps: what is not proven (`WHO_ACTED`, `WHO_APPROVED`) and why, for each token or assertion
            that it names, that was not checked and that nothing else stands in for.
    """

    actor: Named | None = None
    approvers: tuple[Named, ...] = ()
    signed_in: frozenset[Identity] = frozenset()
    signed: frozenset[Identity] = frozenset()
    acts: frozenset[str] = frozenset()
    intent: str = ""
    imported: bool = False
    gaps: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class EventReport:
    """One event of a pack.

    Attributes:
        said: who, what, when, approved how: (label, sentence).
        human, log: levels by the verifier's own trust roots.
        claimed: the human level by the keys inside the pack, where it is another; worth nothing.
        claim: what it says about people.
    """

    index: int
    id: str
    said: tuple[tuple[str, str], ...]
    checks: tuple[Check, ...]
    human: Level
    log: Level
    claimed: Level | None = None
    claim: Claim = Claim()

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return all(check.state != "failed" for check in self.checks)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict of a pack's weakest claim.

    Attributes:
        state: `failed` · `unsigned` · `unproven` · `verified`.
        words: a sentence or two.
        reasons: why a person is not proven, a sentence each.
    """

    state: str
    words: str
    reasons: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every claim was checked and holds."""
        return self.state == VERIFIED


@dataclass(frozen=True, slots=True)
class PackReport:
    """All checks of a pack in order."""

    words: str
    checks: tuple[Check, ...]
    events: tuple[EventReport, ...]
    not_proven: tuple[str, ...]

    @property
    def intact(self) -> bool:
        """Whether a log you trust signed it and no check failed; says nothing about people."""
        mine = all(check.state == "ok" for check in self.checks)
        return mine and all(event.ok for event in self.events)

    @property
    def verdict(self) -> Verdict:
        """The verdict of its weakest claim."""
        return _verdict(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        verdict = self.verdict
        return {
            "ok": verdict.ok,
            "intact": self.intact,
            "verdict": {
                "state": verdict.state,
                "words": verdict.words,
                "reasons": list(verdict.reasons),
            },
            "words": self.words,
            "checks": [_shown(check) for check in self.checks],
            "events": [_event(event) for event in self.events],
            "not_proven": list(self.not_proven),
        }


def _shown(check: Check) -> dict[str, str]:
    return {"name": check.name, "state": check.state, "detail": check.detail}


def _event(event: EventReport) -> dict[str, Any]:
    return {
        "index": event.index,
        "id": event.id,
        "ok": event.ok,
        "said": {label.lower(): text for label, text in event.said},
        "checks": [_shown(check) for check in event.checks],
        "human": _level(event.human),
        "log": _level(event.log),
        "claimed": event.claimed and _level(event.claimed),
    }


def _level(level: Level) -> dict[str, Any]:
    return {"code": level.code, "words": level.words, "reasons": list(level.reasons)}


def _verdict(report: PackReport) -> Verdict:
    failed = [check.name for check in report.checks if check.state == "failed"]
    failed += [
        f"{check.name} (entry {event.index})"
        for event in report.events
        for check in event.checks
        if check.state == "failed"
    ]
    if failed:
        return Verdict(FAILED, f"NOT verified. Failed: {'; '.join(failed)}.")
    if not report.intact:
        return Verdict(UNSIGNED, "NOT verified: no log key that you trust signed it.")
    claims = [(event.index, event.claim) for event in report.events]
    if gaps := tuple(dict.fromkeys(chain.from_iterable(person_gaps(claims)))):
        record = "Log entry verified." if len(report.events) == 1 else "Log entries verified."
        unproven = " and ".join(sorted({what for what, _ in gaps}, reverse=True))
        reasons = tuple(reason for _, reason in gaps)
        return Verdict(UNPROVEN, f"{record} Person NOT proven: {unproven}.", reasons)
    return Verdict(VERIFIED, _VERIFIED)


def person_gaps(entries: Sequence[tuple[int | None, Claim]]) -> list[list[tuple[str, str]]]:
    """What is not proven of people and why, for each entry: `WHO_ACTED` or `WHO_APPROVED`, reason.

    What an entry does not prove itself another entry of its approval or operation may: that the
    same person signed in, or signed the same intent.

    Args:
        entries: index in the log, and what the entry says about people.
    """
    claims = [claim for _, claim in entries]
    signed = {(act, one.intent, who) for one in claims for act in one.acts for who in one.signed}
    present = {
        (act, who) for one in claims for act in one.acts for who in one.signed_in | one.signed
    }
    return [list(_gaps(f"Entry {index}", claim, signed, present)) for index, claim in entries]


def _gaps(
    entry: str,
    claim: Claim,
    signed: Set[tuple[str, str, Identity]],
    present: Set[tuple[str, Identity]],
) -> Iterator[tuple[str, str]]:
    yield from claim.gaps
    open_already = {what for what, _ in claim.gaps}
    for one in claim.approvers if WHO_APPROVED not in open_already else ():
        by_others = any((act, claim.intent, one.identity) in signed for act in claim.acts)
        if one.identity not in claim.signed and not by_others:
            yield WHO_APPROVED, f"{entry}: no signature shows that {one.words} approved."
    if claim.actor is None or WHO_ACTED in open_already:
        return
    who = claim.actor.identity
    own = who in claim.signed_in | claim.signed
    if not own and not any((act, who) in present for act in claim.acts):
        only = "a report of another system" if claim.imported else "the record"
        yield WHO_ACTED, f"{entry}: nothing but {only} shows that it was {claim.actor.words}."
