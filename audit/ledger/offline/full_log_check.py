"""Checking a whole log offline: that it is what was signed, today and at every earlier look.

Who kept a checkpoint holds the log to it, with the entries (`log_file`) and public keys alone.
A log that was rewritten and signed again by its own key is whole in itself; only what somebody
outside kept shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from audit.ledger import checkpoint as checkpoints
from audit.ledger.checkpoint import Checkpoint
from audit.ledger.format import entry as entries
from audit.ledger.format.canonical import EntryError
from audit.ledger.key_transitions import log_renames
from audit.ledger.key_transitions.log_renames import Move
from audit.ledger.note import NoteError
from audit.ledger.offline.erasures import Account
from audit.ledger.offline.log_file import EntriesError, EntriesFile
from audit.ledger.offline.proof_check import (
    SAME_FOR_ALL_UNPROVEN,
    TIME_UNPROVEN,
    Step,
    moved,
    moved_unproven,
)
from audit.ledger.trust_policy import Policy

SIGNED: Final = "A log you trust signed the tree"
WHOLE: Final = "Every entry is one of that tree, and no other is"
KEPT: Final = "It has the trees that the changes of its name tell of"
WITNESSED: Final = "Witnesses you trust saw the same tree"

_ALWAYS: Final = (
    "That what the entries say is true: they show what was recorded, and that it was not changed.",
    "That nothing is missing: an act that was never recorded leaves no trace in any log.",
    "Who acted: that needs the evidence the entries name and the issuer's keys.",
    "Values that the file does not open: they were erased, or are withheld.",
)
_NO_EARLIER: Final = (
    "That it is the log of yesterday: its own key could have signed another one since. Keep "
    "checkpoints, and give them with --since."
)


@dataclass(frozen=True, slots=True)
class HistoryReport:
    """All checks in order.

    Attributes:
        checkpoint: of the file; None where it does not hold.
        not_proven: sentences; never empty.
        account: of values that are missing.
    """

    steps: tuple[Step, ...]
    checkpoint: Checkpoint | None
    not_proven: tuple[str, ...]
    account: Account = field(default_factory=Account)

    @property
    def ok(self) -> bool:
        """Whether every step held."""
        return all(step.ok for step in self.steps)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        head = self.checkpoint
        return {
            "ok": self.ok,
            "steps": [{"name": s.name, "ok": s.ok, "detail": s.detail} for s in self.steps],
            "not_proven": list(self.not_proven),
            "checkpoint": head
            and {"origin": head.origin, "size": head.size, "root": head.root.hex()},
            **self.account.to_dict(),
        }


def check(
    lines: Iterable[bytes], trust: Policy, earlier: Mapping[str, bytes] | None = None
) -> HistoryReport:
    """Check the lines of an entries file; failures are steps of the report, never exceptions.

    Args:
        lines: of the file.
        trust: logs, witnesses and a quorum.
        earlier: checkpoints that somebody kept, by the name under which they are reported.
    """
    kept = {name: _read(signed, trust) for name, signed in (earlier or {}).items()}
    sizes = [one.size for one in kept.values() if isinstance(one, Checkpoint)]
    sizes += [tree.size for move in trust.moves for tree in (move.kept, move.last)]
    try:
        log = EntriesFile(lines, trust.logs, roots_at=sizes)
    except EntriesError as error:
        later = [WHOLE, *(_extends(name) for name in kept)]
        steps = [Step(SIGNED, False, f"{_sentence(error)}.")]
        steps += [
            Step(n, False, "Not checked, because an earlier step failed.", True) for n in later
        ]
        return HistoryReport(tuple(steps), None, _ALWAYS)
    head, account = log.checkpoint, Account()
    signed = Step(SIGNED, True, f"{head.origin} signed a tree of {head.size} entries.")
    moves = log_renames.path(trust.moves, head.origin) or ()
    steps = [signed, *moved(head.origin, moves), _whole(log, account)]
    if moves:
        steps.append(_goes_on(log, moves))
    steps += [_held(name, one, log, moves) for name, one in kept.items()]
    unproven = [*_ALWAYS, *moved_unproven(head.origin, moves), *account.sentences(), TIME_UNPROVEN]
    if trust.witnessed:
        steps.append(_witnessed(log, trust))
    if not trust.witnessed or not steps[-1].ok:
        unproven.append(SAME_FOR_ALL_UNPROVEN)
    if not kept:
        unproven.append(_NO_EARLIER)
    return HistoryReport(tuple(steps), head, tuple(unproven), account)


def _read(signed: bytes, trust: Policy) -> Checkpoint | NoteError:
    try:
        return checkpoints.verify(signed, trust.logs)
    except NoteError as error:
        return error


def _whole(log: EntriesFile, account: Account) -> Step:
    opened, index = 0, 0
    try:
        for kept in log:
            index = kept.index
            document = entries.parse(kept.entry)
            entries.reveal(document, kept.openings, index=index)
            account.look(index, document, kept.there)
            opened += len(kept.openings)
    except EntriesError as error:
        return Step(WHOLE, False, f"{_sentence(error)}.")
    except EntryError as error:
        return Step(WHOLE, False, f"Entry {index}: {error}.")
    return Step(WHOLE, True, f"They have its root; {opened} values are the ones committed to.")


def _extends(name: str) -> str:
    return f"It still holds what {name} says"


def _goes_on(log: EntriesFile, moves: Sequence[Move]) -> Step:
    """Whether the log holds what its former keys have signed about it.

    A later change of the name may have lost part of what an earlier one kept.
    """
    for at, move in enumerate(moves):
        reach = min((one.kept.size for one in moves[at + 1 :] if not one.held), default=None)
        if reach is not None and move.kept.size > reach:
            continue
        if move.kept.size > log.checkpoint.size:
            said = f"{move.new_origin} began with {move.kept.size} entries, and there are fewer"
            return Step(KEPT, False, f"{said}.")
        root = log.roots.get(move.kept.size)
        if root is None:
            return Step(KEPT, False, "Not checked, because an earlier step failed.", True)
        if root != move.kept.root:
            said = f"{move.new_origin} does not go on with the {move.kept.size} entries"
            return Step(KEPT, False, f"{said} for which the keys of {move.old_origin} have signed.")
        if move.held and log.roots.get(move.last.size) != move.last.root:
            said = f"The {move.last.size} entries signed last as {move.old_origin} are not in it"
            return Step(KEPT, False, f"{said}, though its keys say so.")
    return Step(KEPT, True, "What the former keys have signed about it is so.")


def _gone(kept: Checkpoint, moves: Sequence[Move]) -> str:
    """Why the tree of a former name cannot be held to the log's; empty where it can."""
    for move in moves:
        if kept.size <= move.kept.size:
            continue
        gone = kept.size - move.kept.size
        said = (
            f"{kept.size} entries were signed then, as {kept.origin}, and {move.new_origin} goes "
            f"on with {move.kept.size}: {gone} are LOST"
        )
        hidden = move.old_origin == kept.origin and kept.size > move.last.size
        more = f", though it says that only {move.last.size} had been signed" if hidden else ""
        return f"{said}{more}."
    return ""


def _held(name: str, kept: Checkpoint | NoteError, log: EntriesFile, moves: Sequence[Move]) -> Step:
    step, now = _extends(name), log.checkpoint
    if isinstance(kept, NoteError):
        return Step(step, False, f"{_sentence(kept)}.")
    way = log_renames.path(moves, now.origin, kept.origin) if kept.origin != now.origin else ()
    if way is None:
        return Step(step, False, f"That is a checkpoint of another log, {kept.origin}.")
    if gone := _gone(kept, way):
        return Step(step, False, gone)
    if kept.size > now.size:
        detail = f"{kept.size} entries were signed then, and only {now.size} are left."
        return Step(step, False, detail)
    root = log.roots.get(kept.size)
    if root is None:
        return Step(step, False, "Not checked, because an earlier step failed.", True)
    if root != kept.root:
        return Step(
            step,
            False,
            f"The first {kept.size} entries are not those that were signed then: at least one of "
            "them was changed, removed, added or moved, and the log was signed again.",
        )
    return Step(step, True, f"Its {kept.size} entries are unchanged, in the same order.")


def _witnessed(log: EntriesFile, trust: Policy) -> Step:
    try:
        verdict = trust.judge(log.note)
    except NoteError as error:
        return Step(WITNESSED, False, f"{_sentence(error)}.")
    names = ", ".join(sorted(found.key.name for found in verdict.cosignatures)) or "nobody"
    met = "which makes" if verdict.quorum_met else "which does not make"
    return Step(WITNESSED, verdict.quorum_met, f"Cosigned by {names}, {met} your quorum.")


def _sentence(error: Exception) -> str:
    said = str(error)
    return f"{said[:1].upper()}{said[1:]}"
