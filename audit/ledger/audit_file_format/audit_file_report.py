"""What the check of an audit file found, and the verdict: that of its weakest claim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from audit.ledger.offline.proof_check import SAME_FOR_ALL_UNPROVEN
from audit.ledger.packs.pack_check_result import FAILED, UNPROVEN, VERIFIED, Check, Verdict

CONSISTENT: Final = "consistent"
_SAID: Final = 12  # reasons why people are not proven

_ALWAYS: Final = (
    "That what the entries say is true: they show what was recorded, and that it was not changed.",
    "That nothing was left out of the log: what was never recorded is in no file.",
    "That no event of the period was recorded after the end of the range, as an import can do.",
    "That the portal's clock was right: where it was ahead for one entry, the range may end there, "
    "before other entries of the period.",
    "That no one tried other seeds, trees or filters before this file was made: agree on a seed "
    "first, or ask for the sample in the portal.",
    "That the first policy listed was still in force when the period began: of the entries before "
    "the range, at most the one that made it is there.",
    "That these populations and filters are what the framework asks for: compare them with it.",
    "Roles of people who did not act in the period, ends of access that were set in another, and "
    "the cells of the workpaper.",
)
_INCOMPLETE: Final = (
    "That no row, no change of the policy and no review is missing: the file was made without the "
    "other entries of the period."
)
_LATER: Final = (
    "That no row, no change of the policy and no review of the period is missing after {until}, "
    "the last one of the signed tree: the period ends later."
)
_ENDS_LATER: Final = (
    "That no row is missing is NOT proven: the period ends after the last entry of the signed tree."
)


@dataclass(frozen=True, slots=True)
class PackSummary:
    """The verdict of one evidence pack of the file."""

    name: str
    state: str
    words: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableSummary:
    """One population as the manifest claims it; its rows are checked."""

    id: str
    title: str
    filter: str
    rows: int


@dataclass(frozen=True, slots=True)
class AuditFileReport:
    """All checks in order.

    Attributes:
        words: framework and period.
        brought: whether the key came from elsewhere than the file.
        complete: whether the file claims that no row is missing.
        until: the last entry of the range where the period ends later than that was recorded.
        witnessed: whether the witnesses that the verifier asks for cosigned the tree.
        unlisted: files in the archive that the manifest does not name.
        gaps: what else keeps it from being verified, a sentence each.
        limits: what else is not proven, a sentence each.
        tables: the populations, with what they ask for.
        withheld: what the maker of the file left out, a sentence each.
    """

    words: str
    origin: str
    checks: tuple[Check, ...]
    packs: tuple[PackSummary, ...]
    brought: bool = False
    complete: bool = False
    until: str = ""
    witnessed: bool = False
    unlisted: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    tables: tuple[TableSummary, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The verdict of its weakest claim."""
        if failed := [one.name for one in self.checks if one.state == "failed"]:
            return Verdict(FAILED, f"NOT verified. Failed: {'; '.join(failed)}.")
        if not self.brought:
            return Verdict(
                CONSISTENT,
                "Consistent with itself, NOT verified: the only key is the one that came in the "
                "file, and whoever made the file chose it. Get the log's key, or its fingerprint, "
                "from elsewhere and give it with --vkey or --fingerprint.",
            )
        gaps = []
        if not self.complete:
            gaps.append("That no row is missing is NOT proven.")
        elif self.until:
            gaps.append(_ENDS_LATER)
        gaps += self.gaps
        unproven = [one for one in self.packs if one.state == UNPROVEN]
        if unproven:
            gaps.append("Person NOT proven for some items.")
        if gaps:
            reasons = [reason for one in unproven for reason in one.reasons]
            more = len(reasons) - _SAID
            said = [*reasons[:_SAID], *([f"And {more:,} more."] if more > 0 else [])]
            return Verdict(UNPROVEN, f"Entries verified. {' '.join(gaps)}", tuple(said))
        people = "the people of each item are proven" if self.packs else "it has no items"
        return Verdict(
            VERIFIED,
            f"Verified: nothing in it was changed, no row of the period is missing, and {people}.",
        )

    @property
    def not_proven(self) -> tuple[str, ...]:
        """Sentences; never empty."""
        found = [*_ALWAYS, *([] if self.witnessed else [SAME_FOR_ALL_UNPROVEN])]
        if not self.complete:
            found.insert(0, _INCOMPLETE)
        if self.until:
            found.insert(0, _LATER.format(until=self.until))
        return (*found, *self.limits, *self.withheld)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        verdict = self.verdict
        return {
            "ok": verdict.ok,
            "words": self.words,
            "origin": self.origin,
            "verdict": {
                "state": verdict.state,
                "words": verdict.words,
                "reasons": list(verdict.reasons),
            },
            "checks": [
                {"name": one.name, "state": one.state, "detail": one.detail} for one in self.checks
            ],
            "tables": [
                {"id": one.id, "title": one.title, "filter": one.filter, "rows": one.rows}
                for one in self.tables
            ],
            "packs": [
                {"name": one.name, "state": one.state, "words": one.words} for one in self.packs
            ],
            "not_in_the_manifest": list(self.unlisted),
            "not_proven": list(self.not_proven),
        }
