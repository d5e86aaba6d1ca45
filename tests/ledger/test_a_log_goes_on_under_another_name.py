"""Statements about a change of name, and what a holder of the former key alone is told."""

from __future__ import annotations

import json
from pathlib import Path
from time import process_time

import pytest
from typer.testing import CliRunner, Result

from ata.cli import app
from audit.ledger import inclusion_proof_file, merkle, note
from audit.ledger.key_transitions import handover, log_renames
from audit.ledger.key_transitions.log_renames import Tree
from audit.ledger.note import NoteError, SigningKey
from audit.ledger.offline import log_file
from audit.ledger.offline.full_log_check import KEPT
from audit.ledger.offline.proof_check import MOVED
from tests.ledger.test_a_whole_log_is_checked import built, history
from tests.support.origin_statements import write_statement, written
from tests.support.signed import sign_checkpoint

OLD, OTHER = note.new_key("log.example/x"), note.new_key("log.example/x")
NEW, LATER = note.new_key("log.example/y"), note.new_key("log.example/z")
LOST = history(9)
"""What was signed under the old name, of which six came back."""
GOES_ON = [*LOST[:6], *(built(n, "after") for n in range(20, 24))]


def leaves(entries: list[object]) -> list[bytes]:
    return [merkle.leaf_hash(one.entry) for one in entries]  # type: ignore[attr-defined]


def tree(entries: list[object]) -> Tree:
    return Tree(len(entries), merkle.root(leaves(entries)))


def says(
    old: SigningKey = OLD,
    new: SigningKey = NEW,
    kept: Tree | None = None,
    last: Tree | None = None,
    *,
    held: bool = False,
) -> str:
    return write_statement(
        (old.name, new.name),
        kept or tree([*LOST[:6]]),
        last or tree([*LOST]),
        ([old.vkey], [new.vkey]),
        {old.vkey: old.seed, new.vkey: new.seed},
        held=held,
    )


def head(key: SigningKey, entries: list[object]) -> str:
    made = tree(entries)
    return sign_checkpoint(key.name, made.size, made.root, key.seed)


class Desk:
    """The files of somebody who has the old key alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, name: str, content: str | bytes) -> str:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    def keys(self, *statements: str) -> str:
        return self.put("keys.json", json.dumps({"statements": statements}))

    def log(self, key: SigningKey = NEW, entries: list[object] | None = None) -> str:
        some = GOES_ON if entries is None else entries
        first = log_file.header(key.name, len(some), head(key, [*some]))
        rest = [
            log_file.line(n, one.entry, one.openings, [])  # type: ignore[attr-defined]
            for n, one in enumerate(some)
        ]
        return self.put("log.ndjson", b"".join([first, *rest]))

    def proof(self, index: int) -> tuple[str, str]:
        hashes = leaves([*GOES_ON])
        path = merkle.inclusion_proof(hashes, index, len(hashes))
        text = inclusion_proof_file.write(index, path, head(NEW, [*GOES_ON]))
        return self.put("e.tlog-proof", text), self.put("e.entry", GOES_ON[index].entry)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def verify(*arguments: str, key: SigningKey = OLD) -> tuple[Result, dict[str, dict[str, object]]]:
    asked = ["verify", *arguments, "--vkey", key.vkey, "--json"]
    done = CliRunner().invoke(app, asked)
    steps = json.loads(done.output)["steps"] if done.exit_code in (0, 1) else []
    return done, {one["name"]: one for one in steps}


def test_a_statement_leads_from_the_old_key_to_the_new_name_and_says_what_was_lost() -> None:
    found = log_renames.trail([says()], [OLD.vkey])
    assert [str(one) for one in found.keys] == [OLD.vkey, NEW.vkey]
    (move,) = found.moves
    assert (move.kept, move.last, move.held) == (tree([*LOST[:6]]), tree([*LOST]), False)
    assert "log.example/x" in move.words and "log.example/y" in move.words
    assert "9 had been signed: the last 3 of them were LOST" in move.words
    # Twice the same word is one word; whoever trusts another key is led nowhere.
    assert log_renames.trail([says()] * 2, [OLD.vkey]).moves == (move,)
    assert log_renames.trail([says()], [OTHER.vkey]).keys == (note.parse_vkey(OTHER.vkey),)
    further = says(NEW, LATER, tree([*GOES_ON]), tree([*GOES_ON]), held=True)
    every = log_renames.trail([further, says()], [OLD.vkey]).moves
    assert [one.new_origin for one in every] == [NEW.name, LATER.name]
    assert log_renames.path(every, LATER.name, OLD.name) == every
    assert (
        log_renames.path(every, OLD.name) == ()
        and log_renames.path(every, NEW.name, "else") is None
    )
    assert "it says that all of them are in it" in every[1].words


def test_many_changes_of_keys_in_a_row_are_each_taken_once() -> None:
    seeds = [number.to_bytes(32) for number in range(1, 502)]
    keys = [note.vkey(OLD.name, note.public_key(seed)) for seed in seeds]
    chain = [
        handover.write(OLD.name, at, [old], [new], {old: seed})
        for at, (old, new, seed) in enumerate(zip(keys, keys[1:], seeds, strict=False))
    ]
    begun = process_time()
    assert handover.follow([*reversed(chain[:20])], keys[:1])[-1] == note.parse_vkey(keys[20])
    found = log_renames.trail([*reversed(chain)], keys[:1])
    assert [str(key) for key in found.keys] == keys
    assert process_time() - begun < 1.5


def test_a_key_that_is_reached_later_has_to_have_signed_what_names_it_before() -> None:
    """A renewal by two old keys, of which another statement names the second."""
    seeds = {number: number.to_bytes(32) for number in (1, 2, 3)}
    first, second, third = (note.vkey(OLD.name, note.public_key(seeds[n])) for n in (1, 2, 3))
    both = handover.write(
        OLD.name, 5, [first, second], [third], {first: seeds[1], second: seeds[2]}
    )
    leads = handover.write(OLD.name, 4, [first], [first, second], {first: seeds[1]})
    assert len(log_renames.trail([both, leads], [first]).keys) == 3
    said = note.parse(both)
    other = note.parse(note.sign("another text\n", OLD.name, seeds[2])).signatures
    forged = str(note.Note(said.text, (said.signatures[0], *other)))
    with pytest.raises(NoteError, match="does not verify"):
        log_renames.trail([forged, leads], [first])


@pytest.mark.parametrize("trusted", ["one", "both"])
@pytest.mark.parametrize("what", ["keys", "name"])
def test_every_key_that_a_statement_names_as_old_has_signed_it(trusted: str, what: str) -> None:
    """Whoever has one of two keys leads nobody by it who is told that both have signed."""
    keys = [OLD.vkey, OTHER.vkey]
    seeds = {one.vkey: one.seed for one in (OLD, OTHER, NEW)}
    if what == "keys":
        text = handover.write(OLD.name, 5, keys, [note.new_key(OLD.name).vkey], seeds)
    else:
        some = tree([*LOST[:6]])
        text = write_statement(
            (OLD.name, NEW.name), some, some, (keys, [NEW.vkey]), seeds, held=True
        )
    trust = keys if trusted == "both" else keys[:1]
    assert len(log_renames.trail([text], trust).keys) == len(trust) + 1
    said = note.parse(text)
    silent = note.parse_vkey(OTHER.vkey).key_id
    lines = tuple(one for one in said.signatures if one.key_id != silent)
    with pytest.raises(NoteError, match="has not signed"):
        log_renames.trail([str(note.Note(said.text, lines))], trust)


def test_a_forged_statement_leads_nowhere() -> None:
    """Signed by a stranger, bent, without the word of the new key, or about a name that was."""
    text = note.parse(says()).text
    for signed, why in (
        (says().replace("kept 6", "kept 7"), "does not verify"),
        (says().replace(" lost\n", " held\n"), "cannot hold another one"),
        (note.sign(text, OLD.name, OTHER.seed), "has not signed"),
        (note.sign(text, OLD.name, OLD.seed), "has not signed"),  # the new key is silent
    ):
        with pytest.raises(NoteError, match=why):
            log_renames.trail([signed], [OLD.vkey])
    two = note.new_key("log.example/w")
    with pytest.raises(NoteError, match="two statements say as what"):
        log_renames.trail([says(), says(OLD, two)], [OLD.vkey])
    back = note.new_key(OLD.name)
    with pytest.raises(NoteError, match="begin twice"):
        log_renames.trail([says(), says(NEW, back)], [OLD.vkey])
    with pytest.raises(NoteError, match="had another name before"):
        says(OLD, back)


def test_what_is_no_statement_is_named() -> None:
    text = note.parse(says()).text
    size, root = written(tree([*LOST[:6]])).split()
    for bent, why in (
        (text.replace(log_renames.SCHEMA, "ata.ledger-origin.v2"), "it is no statement"),
        (text.replace(f"kept {size}", "kept 06"), "plain decimal"),
        (text.replace(f"kept {size} {root}", f"kept {size} AAAA"), "a root has 32 bytes"),
        (text.replace("kept 6", "left 6"), "come `kept` and `last`"),
        (text.replace(" lost\n", " gone\n"), "`held` or `lost`"),
        (text.replace("log.example/y\n", "log example\n", 1), "not a key name"),
        (text.replace("\nnew ", "\nold ", 1), "not a key of the log"),
        (text.replace("\nold ", "\nnew ", 1), "not a key of the log"),
    ):
        with pytest.raises(NoteError, match=why):
            log_renames.parse(bent)
    same = note.SigningKey(NEW.name, OLD.seed, note.public_key(OLD.seed))
    with pytest.raises(NoteError, match="a new name needs new keys"):
        says(OLD, same)


def test_who_has_the_old_key_is_told_what_connects_the_names_and_what_was_lost(desk: Desk) -> None:
    """Never silently good: without the statement it fails, with it the loss is a step."""
    for index in (2, 8):  # of both names, and of the new one alone
        file, entry = desk.proof(index)
        done, steps = verify(file, "--entry", entry)
        assert done.exit_code == 1
        assert "history of keys" in str(steps["A log you trust signed the tree"]["detail"])
        done, steps = verify(file, "--entry", entry, "--key-history", desk.keys(says()))
        assert done.exit_code == 0, done.output
        assert "the last 3 of them were LOST" in str(steps[MOVED]["detail"])
        assert "That nothing of log.example/x was lost" in done.output
        done, steps = verify(file, "--entry", entry, key=NEW)
        assert done.exit_code == 0 and MOVED not in steps


def test_a_checkpoint_of_the_old_name_holds_the_log_to_what_it_kept(desk: Desk) -> None:
    log, keys = desk.log(), desk.keys(says())
    early, late = (desk.put(f"{n}.note", head(OLD, [*LOST[:n]])) for n in (5, 8))
    done, steps = verify(log, "--key-history", keys, "--since", early)
    assert done.exit_code == 0, done.output
    assert steps[KEPT]["ok"] and steps[MOVED]["ok"]
    assert "5 entries are unchanged" in str(steps[f"It still holds what {early} says"]["detail"])
    done, steps = verify(log, "--key-history", keys, "--since", late)
    assert done.exit_code == 1
    held = str(steps[f"It still holds what {late} says"]["detail"])
    assert "goes on with 6: 2 are LOST." in held
    # The statement of the key's owner hides what somebody else has seen.
    hiding = desk.keys(says(last=tree([*LOST[:6]]), held=True))
    done, steps = verify(log, "--key-history", hiding, "--since", late)
    assert done.exit_code == 1
    held = str(steps[f"It still holds what {late} says"]["detail"])
    assert "2 are LOST, though it says that only 6 had been signed" in held
    done, steps = verify(log, "--key-history", desk.keys(), "--since", late)
    assert done.exit_code == 1 and "A log you trust signed the tree" in steps


def test_a_log_that_does_not_hold_what_its_former_keys_signed_is_refused(desk: Desk) -> None:
    other = [*history(6, e3="rewritten"), *GOES_ON[6:]]
    keys = desk.keys(says())
    done, steps = verify(desk.log(entries=[*other]), "--key-history", keys)
    assert done.exit_code == 1 and "does not go on with the 6" in str(steps[KEPT]["detail"])
    done, steps = verify(desk.log(entries=[*LOST[:4]]), "--key-history", keys)
    assert done.exit_code == 1 and "there are fewer" in str(steps[KEPT]["detail"])
    lies = says(last=tree([*history(5, e1="another")]), held=True)
    done, steps = verify(desk.log(), "--key-history", desk.keys(lies))
    assert done.exit_code == 1 and "though its keys say so" in str(steps[KEPT]["detail"])
    # And one that is bent is no history at all.
    bent = desk.keys(says().replace(" lost\n", " held\n"))
    assert verify(desk.log(), "--key-history", bent)[0].exit_code == 2
