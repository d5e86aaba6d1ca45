"""Checking an export offline: that its file is what was asked for, with no row missing.

An export comes with a signed manifest. With the entries of the log (`log_file`) its filter is
run again by `EventQuery.matches`, without a database, and every row is compared. Needs no server.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from audit.ledger.format import entry as entries
from audit.ledger.format.canonical import EntryError
from audit.ledger.key_transitions.log_renames import Move
from audit.ledger.note import VerifierKey
from audit.ledger.offline import export_row_comparison
from audit.ledger.offline.erasures import Account
from audit.ledger.offline.export_filter_match import Wanted
from audit.ledger.offline.export_manifest import (
    check_tree,
    check_words,
    query_of,
    root_of,
    same_file,
    signed_by,
    signer_of,
    value_at,
)
from audit.ledger.offline.export_row_comparison import LEVELS, Differs, Unreadable
from audit.ledger.offline.log_file import EntriesError, EntriesFile, Kept
from audit.ledger.offline.proof_check import Step, moved, moved_unproven

_NAMED: Final = 10  # problems and undecided entries that are named one by one

UNPROVEN: Final = (
    "That what the entries say is true: they show what was recorded, and that it was not changed.",
    "That nothing was left out of the log: what was never recorded is in no export.",
    "The levels (human, log) and the sentences in the rows: they are the exporter's.",
    "Values that the rows show as erased or masked, and values that the entries do not open.",
)


@dataclass(frozen=True, slots=True)
class ExportReport:
    """All checks in order.

    Attributes:
        words: the filter as a sentence.
        undecided: entries whose erased or withheld values the filter asks about.
        not_proven: sentences; never empty.
        account: of values that are missing in the entries.
        unproven: why it is not verified although no step failed, a sentence each.
    """

    words: str
    steps: tuple[Step, ...]
    undecided: tuple[int, ...]
    not_proven: tuple[str, ...]
    account: Account = field(default_factory=Account)
    unproven: tuple[str, ...] = ()

    @property
    def intact(self) -> bool:
        """Whether every step held."""
        return all(step.ok for step in self.steps)

    @property
    def ok(self) -> bool:
        """Whether every step held and nothing stays open that the file is said to be."""
        return self.intact and not self.unproven

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "ok": self.ok,
            "words": self.words,
            "steps": [{"name": s.name, "ok": s.ok, "detail": s.detail} for s in self.steps],
            "undecided": list(self.undecided),
            "unproven": list(self.unproven),
            "not_proven": list(self.not_proven),
            **self.account.to_dict(),
        }


def check(
    manifest: Mapping[str, Any],
    file: bytes,
    lines: Iterable[bytes] | None,
    vkeys: Iterable[str | VerifierKey],
    required: Collection[int] = (),
    moves: Collection[Move] = (),
) -> ExportReport:
    """Check an export; failures are steps of the report, never exceptions.

    Args:
        manifest: as `read_manifest` returned it.
        file: the exported file.
        lines: of an entries file over the same tree; None where there is none.
        vkeys: log keys that the verifier trusts.
        required: key types that must each have signed the tree, as `Policy.required`; a manifest
            is no tree and has an Ed25519 signature only.
        moves: changes of the log's name, as `Policy.moves`.
    """
    trusted = list(vkeys)
    tree = check_tree(manifest, trusted, required)
    origin = signer_of(manifest)
    words, said = check_words(manifest)
    steps = [
        *(signed_by(manifest, trusted), tree, *moved(origin, moves)),
        *(same_file(manifest, file), said),
    ]
    undecided: list[int] = []
    unproven, account = [*UNPROVEN, *moved_unproven(origin, moves)], Account()
    open_rows: tuple[str, ...] = ()
    if lines is None:
        unproven.insert(0, "That no row is missing, added or altered: give the log with --entries.")
    elif all(step.ok for step in steps):
        comparing = _Comparing(manifest, file)
        steps += comparing.run(lines, trusted)
        undecided, account = comparing.undecided, comparing.account
        unproven += comparing.unproven()
        open_rows = comparing.open_rows()
    else:
        steps.append(Step(_ROWS, False, "Not checked, because an earlier step failed.", True))
    return ExportReport(
        words, tuple(steps), tuple(undecided), tuple(unproven), account, unproven=open_rows
    )


_ROWS: Final = "No row is missing, added or altered"
_ROWS_OPEN: Final = "No row is added or altered"
"""Where the entries do not decide which rows the file must have: some may be missing."""


@dataclass(slots=True)
class _Comparing:
    """Runs the filter over the entries and holds each row to its event."""

    manifest: Mapping[str, Any]
    file: bytes
    undecided: list[int] = field(default_factory=list)
    account: Account = field(default_factory=Account)
    _withheld: set[int] = field(default_factory=set)
    _problems: list[tuple[int, str]] = field(default_factory=list)
    _by_level: list[str] = field(default_factory=list)
    _open_by_level: list[int] = field(default_factory=list)
    _open_by_value: list[int] = field(default_factory=list)

    def run(self, lines: Iterable[bytes], vkeys: list[str | VerifierKey]) -> list[Step]:
        """The steps, in order."""
        name = "The entries are all those of that tree"
        query = query_of(self.manifest)
        try:
            found = self._rows(newest_first=query.order == "newest")
        except Unreadable as error:
            return [Step(_ROWS, False, f"{error}.")]
        iss = str(value_at(self.manifest, "exporter", "iss", default=""))
        wanted = Wanted(query, value_at(self.manifest, "only_events_of"), iss)
        self._by_level = sorted(LEVELS & {clause.key for clause in query.clauses})
        matched, at = 0, 0
        size = int(value_at(self.manifest, "range", "end_index"))
        try:
            log = EntriesFile(lines, vkeys, roots_at=[size])
            if log.checkpoint.size < size:
                return [Step(name, False, _too_few(log.checkpoint.size, size))]
            for kept in log:
                at = kept.index
                if at < size:
                    matched += self._compare(kept, wanted, found)
                else:  # a later log also has what was certified as erased since
                    self.account.look(at, entries.parse(kept.entry), kept.there)
            if log.roots[size] != root_of(self.manifest):
                return [Step(name, False, _other_tree(size))]
        except EntriesError as error:
            return [Step(name, False, f"{error}.")]
        except EntryError as error:
            return [Step(name, False, f"Entry {at}: {error}.")]
        for index in found:
            self._problem(index, "stands in the file, and no such entry is in the tree")
        return [
            Step(name, True, _has_root(size, log.checkpoint.size)),
            self._verdict(matched),
        ]

    def unproven(self) -> list[str]:
        """What could not be decided, in words."""
        said = []
        if self._by_level:
            levels = " and ".join(self._by_level)
            said.append(
                f"Whether rows belong in it by {levels}: that takes evidence and witnesses."
            )
        if self.undecided:
            named = ", ".join(map(self._why, self.undecided[:_NAMED]))
            more = len(self.undecided) - _NAMED
            said.append(
                f"Whether {len(self.undecided)} entries belong in it, because values that the "
                f"filter asks about are erased or withheld: {named}"
                f"{f' and {more} more' if more > 0 else ''}."
            )
        return said + self.account.sentences()

    def open_rows(self) -> tuple[str, ...]:
        """Entries that are not in the file although they may belong in it: only their level, or a
        value that nobody certified as erased, could be the reason."""
        if self._problems:
            return ()
        found, levels = [], " and ".join(self._by_level)
        if self._open_by_level:
            found.append(
                f"{_not_in_the_file(self._open_by_level)}. By {levels} it takes evidence and "
                "witnesses to decide; an export without that condition is compared row by row."
            )
        unaccounted = self.account.is_unaccounted()
        size = int(value_at(self.manifest, "range", "end_index"))
        # What was erased after the export was there for its filter to find.
        closed = [
            n
            for n in self._open_by_value
            if n in self._withheld or unaccounted(n) or self.account.is_certified_from(size, n)
        ]
        if closed:
            found.append(
                f"{_not_in_the_file(closed)}. Values of theirs that the filter asks about are "
                "neither open in the log as a file nor certified as erased before the export; an "
                "export without that condition is compared row by row."
            )
        return tuple(found)

    def _why(self, index: int) -> str:
        """An undecided entry, and what became of its values."""
        if index in self._withheld:
            return f"{index} (withheld)"
        covering = self.account.covering(index)
        return f"{index} (erased, see {covering.index})" if covering else f"{index} (missing)"

    def _compare(self, kept: Kept, wanted: Wanted, found: dict[int, Differs]) -> int:
        """Hold one entry to the file; returns 1 where it belongs in it."""
        document = entries.parse(kept.entry)
        event = entries.reveal(document, kept.openings, index=kept.index)
        missing = self.account.look(kept.index, document, kept.there)
        row = found.pop(kept.index, None)
        belongs = wanted.has(event)
        if belongs is None:
            self.undecided.append(kept.index)
            if not missing:
                self._withheld.add(kept.index)
            if row is None:
                self._open_by_value.append(kept.index)
        elif belongs and row is None and self._by_level:
            self._open_by_level.append(kept.index)
        elif belongs and row is None:
            self._problem(kept.index, "matches the filter and is missing in the file")
        elif not belongs and row is not None:
            self._problem(kept.index, "stands in the file and does not match the filter")
        if row is not None and (differs := row(event, export_row_comparison.hideable(document))):
            self._problem(kept.index, f"stands in the file with another {differs}")
        return int(row is not None)

    def _problem(self, index: int, words: str) -> None:
        self._problems.append((index, words))

    def _verdict(self, matched: int) -> Step:
        name = _ROWS_OPEN if self._by_level or self._open_by_value else _ROWS
        if self._problems:
            named = "; ".join(f"entry {i} {words}" for i, words in self._problems[:_NAMED])
            more = len(self._problems) - _NAMED
            return Step(name, False, f"{named}{f'; and {more} more' if more > 0 else ''}.")
        said = value_at(self.manifest, "rows")
        if said != matched:
            return Step(name, False, f"The manifest says {said} rows, the file has {matched}.")
        return Step(name, True, f"{matched} rows, each as its entry says.")

    def _rows(self, *, newest_first: bool) -> dict[int, Differs]:
        found: dict[int, Differs] = {}
        order: list[int] = []
        for index, differs in export_row_comparison.read(
            str(value_at(self.manifest, "format")), self.file
        ):
            if index in found:
                self._problem(index, "stands in the file twice")
            found[index] = differs
            order.append(index)
        if order != sorted(order, reverse=newest_first):
            raise Unreadable("the rows are not in the order that the filter names")
        return found


def _too_few(there: int, size: int) -> str:
    return (
        f"They are the first {there} entries of the log, and the export is of {size}. Get them "
        f"again: `ata audit entries LOG --size {size}`, or without --size."
    )


def _other_tree(size: int) -> str:
    return (
        f"Their first {size} are not those of the export: they are of another log, or one of them "
        "was changed, removed, added or moved."
    )


def _has_root(size: int, there: int) -> str:
    later = f", and the log goes on to {there}" if there > size else ""
    return f"The first {size} entries have the root that the log signed for the export{later}."


def _not_in_the_file(indices: list[int]) -> str:
    named = ", ".join(map(str, indices[:_NAMED]))
    more = f" and {len(indices) - _NAMED:,} more" if len(indices) > _NAMED else ""
    missing = (
        "1 entry that matches the rest of the filter is not in the file"
        if len(indices) == 1
        else f"{len(indices):,} entries that match the rest of the filter are not in the file"
    )
    return f"{missing}: {named}{more}"
