"""The newest checkpoint of the portal's log that this outpost accepted, and whether another one
goes on from it: a log only grows (RFC 9162 section 2.1.4).

A portal of an earlier version proves nothing of that, and is believed as before until it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ata.outpost.commands.signed_command import CommandRefused, unb64
from audit.ledger import checkpoint as checkpoints
from audit.ledger import inclusion_proof_file, merkle
from audit.ledger.checkpoint import Checkpoint
from audit.ledger.merkle import ProofError
from audit.ledger.note import NoteError

FORKED: Final = (
    "The portal's log has two histories: its key signed a checkpoint that does not go on from one "
    "that was accepted here before. Nothing is relaxed until a new enrolment."
)


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest checkpoint that was accepted: number of entries, and hex root.

    `is_proven`: the portal proves that its log only grew, so each later one needs that proof.
    """

    size: int = 0
    root: str = ""
    is_proven: bool = False


class LogForked(CommandRefused):
    """The pinned key signed a checkpoint that is not consistent with the newest accepted one."""

    def __init__(self, checkpoint: str) -> None:
        super().__init__("log_forked", FORKED)
        self.checkpoint = checkpoint


def first(checkpoint: object, vkeys: Iterable[str], origin: str) -> Seen:
    """The checkpoint of an enrolment.

    Raises:
        NoteError: the pinned log did not sign it.
    """
    head = checkpoints.verify(str(checkpoint), list(vkeys))
    if head.origin != origin:
        raise NoteError("it is of another log")
    return Seen(head.size, head.root.hex(), is_proven=True)


def extend(checkpoint: str, growth: object, pins: Mapping[str, Any], seen: Seen) -> Seen:
    """Accept a checkpoint that is the newest one or goes on from it.

    Args:
        growth: `{"from": entries, "hashes": [base64]}`, a consistency proof; None from a portal of
            an earlier version.

    Raises:
        CommandRefused: `proof_refused`, `no_consistency`; LogForked: `log_forked`.
        NoteError: a pinned key did not sign it.
    """
    head = checkpoints.verify(checkpoint, list(pins["vkeys"]))
    if head.origin != pins["origin"]:
        raise CommandRefused("proof_refused", "Its checkpoint is of another log.")
    if head.size < seen.size:
        detail = "Its checkpoint does not go on from one that was seen before: it is smaller."
        raise CommandRefused("proof_refused", detail)
    is_same = (head.size, head.root.hex()) == (seen.size, seen.root)
    if head.size == seen.size and seen.size and not is_same:
        raise LogForked(checkpoint)
    if not is_same and (growth is not None or seen.is_proven):
        _check_growth(head, growth, seen)
    return Seen(head.size, head.root.hex(), seen.is_proven or growth is not None)


def entry_in_log(
    evidence: Mapping[str, Any], pins: Mapping[str, Any], seen: Seen
) -> tuple[bytes, Seen]:
    """The entry of `evidence` that a checkpoint has which goes on from `seen`, and that checkpoint.

    Raises:
        CommandRefused: `proof_refused`, `no_consistency`; LogForked: `log_forked`.
    """
    try:
        proof = inclusion_proof_file.parse(str(evidence.get("proof")))
        now = extend(proof.checkpoint, evidence.get("consistency"), pins, seen)
        entry = unb64(evidence.get("entry"))
        inclusion_proof_file.verify(proof, entry, list(pins["vkeys"]))
    except (ProofError, NoteError, ValueError) as error:
        raise CommandRefused("proof_refused", f"{error}.") from error
    return entry, now


def _check_growth(head: Checkpoint, growth: object, seen: Seen) -> None:
    if not seen.size:
        return
    hashes = _hashes(growth, seen)
    try:
        merkle.verify_consistency(seen.size, bytes.fromhex(seen.root), head.size, head.root, hashes)
    except ProofError:
        # Hashes are not signed: wrong ones show no second history.
        detail = f"The proof that the log only grew since it had {seen.size} entries does not hold."
        raise CommandRefused("no_consistency", detail) from None


def _hashes(growth: object, seen: Seen) -> list[bytes]:
    try:
        if isinstance(growth, dict) and growth["from"] == seen.size:
            hashes = [unb64(one) for one in growth["hashes"]]
            if all(len(one) == merkle.HASH_SIZE for one in hashes):
                return hashes
    except (KeyError, TypeError, ValueError):
        pass
    detail = f"It came without proof that the log only grew since it had {seen.size} entries."
    raise CommandRefused("no_consistency", detail)
