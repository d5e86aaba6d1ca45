"""The offline verifier: what a proof file shows about an entry, step by step, and what it does not.

Needs no server and no network. `ata verify` and the portal's verify page show this very report.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from audit.ledger import checkpoint as checkpoints
from audit.ledger import inclusion_proof_file as proofs
from audit.ledger import merkle, note
from audit.ledger.checkpoint import Checkpoint
from audit.ledger.format import entry as entries
from audit.ledger.format.canonical import EntryError
from audit.ledger.inclusion_proof_file import Proof
from audit.ledger.key_transitions import key_statements_in_exports, log_renames
from audit.ledger.key_transitions.log_renames import Move
from audit.ledger.merkle import ProofError
from audit.ledger.note import NoteError, VerifierKey
from audit.ledger.trust_policy import Policy

ALWAYS_UNPROVEN: Final = (
    "That the record is true: only that it was recorded and has not changed.",
    "That nothing is missing: an act that was never recorded leaves no trace in any log.",
    "Who acted: that needs the evidence the entry names and the issuer's keys.",
    "The personal values: the entry holds commitments; each opening is checked against its own.",
)
SAME_FOR_ALL_UNPROVEN: Final = (
    "That everyone sees the same log: no quorum of witnesses that you trust has co-signed it."
)
MOVED: Final = "The log went on under another name"
TIME_UNPROVEN: Final = "When it happened: the times are from the recorder's own clock."


@dataclass(frozen=True, slots=True)
class Step:
    """One check.

    Attributes:
        name: what was checked, in a few words.
        ok: whether it held; false too when an earlier failure left it unchecked.
        detail: a sentence.
        skipped: it was not made, because an earlier one failed.
    """

    name: str
    ok: bool
    detail: str
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """All checks in order, and the limits of what they prove.

    Attributes:
        steps: in the order they were made.
        not_proven: sentences; never empty.
        index: position in the log, when the proof could be read.
        checkpoint: the signed tree, when its signature held.
    """

    steps: tuple[Step, ...]
    not_proven: tuple[str, ...]
    index: int | None = None
    checkpoint: Checkpoint | None = None

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
            "index": self.index,
            "checkpoint": head
            and {"origin": head.origin, "size": head.size, "root": head.root.hex()},
        }


def led_on(
    said: Mapping[str, Any],
    origin: Callable[[], str],
    signed: str | Callable[[VerifierKey], bool],
    trust: Policy,
) -> tuple[Policy, list[Step]]:
    """The verifier's policy with the keys to which its own lead, by what a signed document brings.

    Args:
        said: the document.
        origin: returns the name under which the log signed it.
        signed: as of `key_history.follow`.
        trust: what the verifier brought.
    """
    if key_statements_in_exports.MEMBER not in said:
        return trust, []
    try:
        statements = key_statements_in_exports.listed(said[key_statements_in_exports.MEMBER])
        found = key_statements_in_exports.follow(statements, origin(), signed, trust)
    except NoteError as error:
        return trust, [Step(key_statements_in_exports.CHECK, False, f"{error}.")]
    count = f"{len(statements)} signed by the keys before them."
    return found, [Step(key_statements_in_exports.CHECK, True, count)]


def verify_proof_file(
    proof_text: str | bytes,
    entry_bytes: bytes,
    vkeys: Iterable[str | VerifierKey] = (),
    *,
    policy: Policy | None = None,
) -> Report:
    """Check a `.tlog-proof` for an entry; failures are steps of the report, never exceptions.

    Args:
        proof_text: the file's content.
        entry_bytes: the exact bytes of the entry.
        vkeys: log keys that the verifier trusts.
        policy: adds its logs to the trusted keys and its witnesses as a further step.
    """
    trusted = [*vkeys, *(policy.logs if policy else ())]
    parsed, first = _read_proof(proof_text)
    head, second = _check_signature(parsed, trusted, policy.required if policy else ())
    moves = policy.moves if policy else ()
    steps = [first, second, *moved(head.origin if head else "", moves)]
    steps += [_check_entry(entry_bytes), _check_inclusion(parsed, head, entry_bytes)]
    unproven = [*ALWAYS_UNPROVEN, *moved_unproven(head.origin if head else "", moves)]
    unproven.append(TIME_UNPROVEN)
    if policy is not None and policy.witnessed:
        steps.append(_check_witnesses(parsed, head, policy))
    if policy is None or not policy.witnessed or not steps[-1].ok:
        unproven.append(SAME_FOR_ALL_UNPROVEN)
    return Report(tuple(steps), tuple(unproven), parsed.index if parsed else None, head)


def moved(origin: str, moves: Iterable[Move]) -> list[Step]:
    """What to report of a log whose keys the verifier reached by changes of its name."""
    return [Step(MOVED, True, one.words) for one in log_renames.path(moves, origin) or ()]


def moved_unproven(origin: str, moves: Iterable[Move]) -> list[str]:
    """What a change of name leaves open, in words."""
    return [
        f"That nothing of {one.old_origin} was lost but what it says: who keeps a later checkpoint "
        "of it holds the log to that (--since)."
        for one in log_renames.path(moves, origin) or ()
    ]


def _read_proof(text: str | bytes) -> tuple[Proof | None, Step]:
    name = "The proof can be read"
    try:
        parsed = proofs.parse(text)
    except ProofError as error:
        return None, Step(name, False, f"{error}.")
    return parsed, Step(name, True, f"It is for entry {parsed.index}.")


def _check_signature(
    parsed: Proof | None, trusted: list[str | VerifierKey], required: Collection[int]
) -> tuple[Checkpoint | None, Step]:
    name = "A log you trust signed the tree"
    if parsed is None:
        return None, _unchecked(name)
    try:
        head = checkpoints.verify(parsed.checkpoint, trusted, required)
    except NoteError as error:
        return None, Step(name, False, f"{error}.")
    return head, Step(name, True, f"{head.origin} signed a tree of {head.size} entries.")


def _check_entry(entry: bytes) -> Step:
    name = "The entry is well formed"
    try:
        document = entries.parse(entry)
    except EntryError as error:
        return Step(name, False, f"{error}.")
    detail = f"{document['action']} ({document['outcome']}), recorded {document['recorded_at']}."
    return Step(name, True, detail)


def _check_inclusion(parsed: Proof | None, head: Checkpoint | None, entry: bytes) -> Step:
    name = "The entry is in that tree"
    if parsed is None or head is None:
        return _unchecked(name)
    leaf = merkle.leaf_hash(entry)
    try:
        merkle.verify_inclusion(leaf, parsed.index, head.size, parsed.hashes, head.root)
    except ProofError as error:
        return Step(name, False, f"{error}.")
    count = len(parsed.hashes)
    return Step(
        name, True, f"Its hash {leaf.hex()[:16]}… leads to the root through {count} hashes."
    )


def _check_witnesses(parsed: Proof | None, head: Checkpoint | None, policy: Policy) -> Step:
    name = "Witnesses you trust saw the same tree"
    if parsed is None or head is None:
        return _unchecked(name)
    try:
        verdict = policy.judge(note.parse(parsed.checkpoint))
    except NoteError as error:
        return Step(name, False, f"{error}.")
    names = ", ".join(sorted(found.key.name for found in verdict.cosignatures)) or "nobody"
    met = "which makes" if verdict.quorum_met else "which does not make"
    return Step(name, verdict.quorum_met, f"Cosigned by {names}, {met} your quorum.")


def _unchecked(name: str) -> Step:
    return Step(name, False, "Not checked, because an earlier step failed.", skipped=True)
