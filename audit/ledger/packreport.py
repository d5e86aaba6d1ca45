"""What the check of an evidence pack found, and the verdict: that of its weakest claim.

`audit/packs/verifier/verdict.js` reaches the same verdict in a browser.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .levels import Level

FAILED: Final = "failed"
UNSIGNED: Final = "unsigned"
UNPROVEN: Final = "unproven"
VERIFIED: Final = "verified"
WHO_ACTED: Final = "who acted"
WHO_APPROVED: Final = "who approved"


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
class Claim:
    """What an entry says about people, and what of it could not be checked.

    Attributes:
        person: the actor in words; empty where no person is named.
        approver: the approver in words; empty where the entry names none, or nobody signs it.
        acts: ids of the approval and the operation that it belongs to.
        gaps: what is not proven (`WHO_ACTED`, `WHO_APPROVED`) and why, for each token or assertion
            that it names, that was not checked and that nothing else stands in for.
    """

    person: str = ""
    approver: str = ""
    acts: frozenset[str] = frozenset()
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
    if gaps := tuple(dict.fromkeys(_gaps(report.events))):
        record = "Log entry verified." if len(report.events) == 1 else "Log entries verified."
        unproven = " and ".join(sorted({what for what, _ in gaps}, reverse=True))
        reasons = tuple(reason for _, reason in gaps)
        return Verdict(UNPROVEN, f"{record} Person NOT proven: {unproven}.", reasons)
    return Verdict(
        VERIFIED, "Verified: nothing in it was changed, and the people it names are proven."
    )


def _gaps(events: Sequence[EventReport]) -> Iterator[tuple[str, str]]:
    """What is not proven of people, and why; an entry may rest on the others of its act."""
    signed_in, approved = _proven_acts(events, "H1"), _proven_acts(events, "H2")
    for event in events:
        claim, entry = event.claim, f"Entry {event.index}"
        if claim.gaps:
            yield from claim.gaps
        elif claim.approver and event.human.code < "H2" and not claim.acts & approved:
            yield WHO_APPROVED, f"{entry}: no signature shows that {claim.approver} approved."
        elif claim.person and event.human.code < "H1" and not claim.acts & signed_in:
            yield WHO_ACTED, f"{entry}: nothing but the record shows that it was {claim.person}."


def _proven_acts(events: Iterable[EventReport], least: str) -> frozenset[str]:
    proven = (event.claim.acts for event in events if event.human.code >= least)
    return frozenset().union(*proven)
