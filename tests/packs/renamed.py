"""A log that went on under another name, and statements about it that do not fit."""

from __future__ import annotations

from collections.abc import Callable

from audit.keys import log_identity
from audit.ledger import note
from audit.ledger.key_transitions import handover, key_statements_in_exports, log_renames
from audit.ledger.key_transitions.log_renames import Tree
from audit.ledger.trust_policy import NONE, Policy
from audit.recording.actors import SYSTEM
from audit.recording.record import record
from audit.sequencing import sequencer
from tests.attacks.ledger.world import undone
from tests.packs.bending import Members
from tests.support import renamed_log
from tests.support.origin_statements import write_statement

OLD, NEW = "ledger.example/test", "ledger.example/again"
MEMBER = "log/key-history"


def trusting(*vkeys: str) -> Policy:
    """Trust in these log keys and in no witness."""
    return Policy(tuple(map(note.parse_vkey, vkeys)), {}, {}, NONE)


def named_on_file(settings: object) -> None:
    """The log has its name on file, as in the embedded mode."""
    settings.LEDGER_ORIGIN = ""  # type: ignore[attr-defined]
    renamed_log.change_origin(OLD)


def gone_on(settings: object) -> str:
    """Three entries are lost, and the log goes on as `NEW`; the key of before."""
    named_on_file(settings)
    before = log_identity.vkey()
    with undone():
        for _ in range(3):
            record(SYSTEM, "external.happened")
        sequencer.run_once()
    renamed_log.rename(NEW, "the disk is gone", "me")
    sequencer.run_once()
    return before


def says(old: str, new: str) -> str:
    """A statement by keys of its own."""
    one, two = note.new_key(old), note.new_key(new)
    tree = Tree(1, bytes(32))
    seeds = {one.vkey: one.seed, two.vkey: two.seed}
    keys = ([one.vkey], [two.vkey])
    return write_statement((old, new), tree, tree, keys, seeds, held=True)


def _with(change: Callable[[list[str]], list[str]]) -> Callable[[Members], Members]:
    def bend(held: Members) -> Members:
        told = change(key_statements_in_exports.read(held[MEMBER]))
        return held | {MEMBER: key_statements_in_exports.write(told)}

    return bend


def _less_lost(told: list[str]) -> list[str]:
    assert " lost\n" in told[-1]
    return [*told[:-1], told[-1].replace(" lost\n", " held\n", 1)]


def _resized(told: list[str]) -> list[str]:
    said = log_renames.parse(told[-1])
    return [*told[:-1], told[-1].replace(f"last {said.last.size}", f"last {said.kept.size + 1}")]


def _unsigned(told: list[str]) -> list[str]:
    text, _, lines = told[-1].partition("\n\n")
    kept = lines.splitlines(keepends=True)
    return [*told[:-1], text + "\n\n" + kept[0]]


def _by_one_of_two(told: list[str]) -> list[str]:
    """A renewal by the present key that names a second key which has not signed it."""
    second, new = note.new_key(NEW), note.new_key(NEW)
    text = f"old {log_identity.vkey()}\nold {second.vkey}\nnew {new.vkey}\n"
    text = f"{handover.SCHEMA}\n{NEW}\nfrom 1\n{text}"
    return [*told, note.sign(text, NEW, log_identity.seed())]


UNFIT: dict[str, Callable[[Members], Members]] = {
    "the loss is called held": _with(_less_lost),
    "less was lost": _with(_resized),
    "the present key has not signed": _with(_unsigned),
    "another name": _with(lambda told: [says("ledger.example/test", "ledger.example/other")]),
    "strangers of the same names": _with(lambda told: [says("ledger.example/test", NEW)]),
    "two names for one": _with(
        lambda told: [*told, says("ledger.example/test", "ledger.example/other")]
    ),
    "a statement twice": _with(lambda told: [told[0], *told]),
    "a statement of a stranger beside it": _with(lambda told: [says("x.example/a", NEW), *told]),
    "one of the keys before has not signed": _with(_by_one_of_two),
    "none": lambda held: held | {MEMBER: b'{"statements":[]}'},
    "another spelling": lambda held: held | {MEMBER: held[MEMBER] + b"\n"},
    "no JSON": lambda held: held | {MEMBER: b"none"},
    "no statement": _with(lambda told: ["ata.ledger-origin.v1\n"]),
}
"""What somebody with the log's present key may sign."""
