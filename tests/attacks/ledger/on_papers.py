"""What left the portal is bent on its way, or forged with the log's own key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from audit import clock
from audit.keys import log_identity
from audit.ledger import cosignature, merkle, note, time_tokens
from audit.ledger.offline import export_manifest, log_file
from audit.recording.record import prepare
from tests.attacks.ledger.detecting import EXPORT, LOG, PACK, PROOF, TOKEN
from tests.attacks.ledger.table import PAPERS, PAPERS_KEY, attack
from tests.attacks.ledger.world import World, other_log
from tests.audit.factories import DraftFactory
from tests.packs.bending import resigned, rezipped
from tests.support.authority import Authority
from tests.support.signed import sign_checkpoint


def _change(path: Path, change: Callable[[bytes], bytes]) -> None:
    before = path.read_bytes()
    after = change(before)
    assert after != before, f"{path.name} was not changed"
    path.write_bytes(after)


def _replace(path: Path, old: bytes, new: bytes) -> None:
    _change(path, lambda body: body.replace(old, new, 1))


@attack(PAPERS, "flips a bit of a pack", PACK, "The archive has the one form of a pack")
def a_bit_of_a_pack_is_flipped(world: World) -> None:
    _change(world.desk / "pack.zip", lambda body: body[:40] + bytes([body[40] ^ 1]) + body[41:])


@attack(PAPERS, "changes an entry in a pack", PACK, "Every member is the one in the manifest")
def an_entry_of_a_pack_is_changed(world: World) -> None:
    def change(held: dict[str, bytes]) -> dict[str, bytes]:
        name = "events/000000000000.entry"
        return held | {name: held[name].replace(b"signed_in", b"signed_up")}

    _change(world.desk / "pack.zip", lambda body: rezipped(body, change))


@attack(PAPERS, "has a pack tell another story on top", PACK, "A log you trust signed the manifest")
def the_words_of_a_pack_are_changed(world: World) -> None:
    def change(held: dict[str, bytes]) -> dict[str, bytes]:
        manifest = json.loads(held["manifest.json"]) | {"words": "All is well."}
        return held | {
            "manifest.json": json.dumps(manifest, separators=(",", ":"), sort_keys=True).encode()
        }

    _change(world.desk / "pack.zip", lambda body: rezipped(body, change))


@attack(
    PAPERS_KEY, "puts another entry into a pack and signs it", PACK, "The entry is in that tree"
)
def an_entry_of_a_pack_is_changed_and_signed(world: World) -> None:
    def change(held: dict[str, bytes]) -> dict[str, bytes]:
        name = "events/000000000000.entry"
        return held | {name: held[name].replace(b'"outcome":"success"', b'"outcome":"failure"')}

    _change(world.desk / "pack.zip", lambda body: resigned(body, change))


@attack(
    PAPERS_KEY,
    "puts another person behind an act and signs it",
    PACK,
    "The openings match the entry",
)
def a_value_of_a_pack_is_changed_and_signed(world: World) -> None:
    def change(held: dict[str, bytes]) -> dict[str, bytes]:
        name = "events/000000000000.openings.json"
        return held | {name: held[name].replace(b"Olu Operator", b"Ada Operator")}

    _change(world.desk / "pack.zip", lambda body: resigned(body, change))


@attack(
    PAPERS_KEY,
    "leaves a token out of a pack and signs it",
    PACK,
    "The evidence is what the entries name",
)
def evidence_is_left_out_of_a_pack(world: World) -> None:
    def change(held: dict[str, bytes]) -> dict[str, bytes]:
        return {name: body for name, body in held.items() if not name.endswith(".id_token")}

    _change(world.desk / "pack.zip", lambda body: resigned(body, change))


@attack(
    PAPERS_KEY,
    "takes the proof of one entry for another and signs it",
    PACK,
    "The entry is in that tree",
)
def a_proof_in_a_pack_is_of_another_entry(world: World) -> None:
    other = (world.desk / "event.tlog-proof").read_bytes().partition(b"\n\n")[0]

    def change(held: dict[str, bytes]) -> dict[str, bytes]:
        name = "events/000000000000.tlog-proof"
        return held | {name: other + b"\n\n" + held["log/checkpoint"]}

    _change(world.desk / "pack.zip", lambda body: resigned(body, change))


@attack(PAPERS, "leaves a row out of an export", EXPORT, "The file is the one in the manifest")
def a_row_is_left_out_of_an_export(world: World) -> None:
    _change(world.desk / "acts.ndjson", _without_first)


def _without_first(body: bytes) -> bytes:
    return body.partition(b"\n")[2]


def _signed_export(world: World, change: Callable[[bytes], bytes], **more: object) -> None:
    """The export with another file and a manifest over it, signed by the log's own key."""
    path = world.desk / "acts.ndjson"
    _change(path, change)
    body = path.read_bytes()
    manifest = json.loads((world.desk / "acts.ndjson.manifest.json").read_text()) | more
    manifest["file"] |= {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    manifest["signed"] = note.sign(
        export_manifest.statement(manifest), log_identity.origin(), log_identity.seed()
    )
    (world.desk / "acts.ndjson.manifest.json").write_text(json.dumps(manifest))


@attack(PAPERS_KEY, "leaves a row out of an export and signs it", EXPORT, "missing in the file")
def a_row_is_left_out_and_the_export_signed(world: World) -> None:
    _signed_export(world, _without_first)


@attack(
    PAPERS_KEY, "has a row of an export say something else and signs it", EXPORT, "with another"
)
def a_row_of_an_export_is_changed_and_signed(world: World) -> None:
    _signed_export(world, lambda body: body.replace(b'"via":"web"', b'"via":"cli"', 1))


@attack(PAPERS_KEY, "adds a row to an export and signs it", EXPORT, "stands in the file twice")
def a_row_is_added_to_an_export_and_signed(world: World) -> None:
    _signed_export(world, lambda body: body.partition(b"\n")[0] + b"\n" + body)


@attack(
    PAPERS, "has a manifest speak of another filter", EXPORT, "signature is over another manifest"
)
def the_filter_of_a_manifest_is_changed(world: World) -> None:
    path = world.desk / "acts.ndjson.manifest.json"
    manifest = json.loads(path.read_text())
    manifest["filter"]["params"] = {"action": ["skill.allowed"]}
    path.write_text(json.dumps(manifest))


@attack(
    PAPERS,
    "signs the manifest with a key of its own",
    EXPORT,
    "A log you trust signed the manifest",
)
def a_manifest_is_signed_by_a_stranger(world: World) -> None:
    path = world.desk / "acts.ndjson.manifest.json"
    manifest = json.loads(path.read_text())
    stranger = note.new_key(world.origin)
    manifest["signed"] = note.sign(
        export_manifest.statement(manifest), stranger.name, stranger.seed
    )
    path.write_text(json.dumps(manifest))


@attack(PAPERS, "changes a hash of a proof", PROOF, "The entry is in that tree")
def a_hash_of_a_proof_is_changed(world: World) -> None:
    def change(body: bytes) -> bytes:
        head, _, rest = body.partition(b"\n\n")
        *first, last = head.split(b"\n")
        bent = (b"A" if last[:1] != b"A" else b"B") + last[1:]
        return b"\n".join([*first, bent]) + b"\n\n" + rest

    _change(world.desk / "event.tlog-proof", change)


@attack(PAPERS, "has a proof speak of another place", PROOF, "The entry is in that tree")
def a_proof_names_another_index(world: World) -> None:
    _replace(world.desk / "event.tlog-proof", b"index 3\n", b"index 2\n")


@attack(PAPERS, "changes an entry beside its proof", PROOF, "The entry is in that tree")
def the_entry_of_a_proof_is_changed(world: World) -> None:
    _replace(world.desk / "event.entry", b'"skill.blocked"', b'"skill.allowed"')


@attack(PAPERS, "has a checkpoint speak of a larger tree", PROOF, "A log you trust signed the tree")
def the_size_of_a_checkpoint_is_changed(world: World) -> None:
    def change(body: bytes) -> bytes:
        lines = body.split(b"\n")
        at = lines.index(world.origin.encode()) + 1
        lines[at] = str(int(lines[at]) + 1).encode()
        return b"\n".join(lines)

    _change(world.desk / "event.tlog-proof", change)


@attack(PAPERS, "takes the checkpoint of another log for ours", LOG, "No trusted key is named like")
def a_checkpoint_of_another_log_is_brought(world: World) -> None:
    (world.desk / "kept.note").write_text(other_log(6))


def _cosignature(world: World, change: Callable[[note.Signature], note.Signature]) -> None:
    """The proof with another cosignature in the place of the honest one."""

    def bend(body: bytes) -> bytes:
        head, _, signed = body.decode().partition("\n\n")
        parsed = note.parse(signed)
        *own, theirs = parsed.signatures
        lines = [*(one.line for one in own), change(theirs).line]
        return f"{head}\n\n{parsed.text}\n{''.join(lines)}".encode()

    _change(world.desk / "event.tlog-proof", bend)


@attack(PAPERS, "changes a bit of a cosignature", PROOF, "Witnesses you trust saw the same tree")
def a_cosignature_is_bent(world: World) -> None:
    _cosignature(
        world,
        lambda one: note.Signature(
            one.name, one.key_id, one.value[:-1] + bytes([one.value[-1] ^ 1])
        ),
    )


@attack(
    PAPERS,
    "has a witness have signed an hour later",
    PROOF,
    "Witnesses you trust saw the same tree",
)
def the_time_of_a_cosignature_is_changed(world: World) -> None:
    def later(one: note.Signature) -> note.Signature:
        moment = int.from_bytes(one.value[:8]) + 3600
        return note.Signature(one.name, one.key_id, moment.to_bytes(8) + one.value[8:])

    _cosignature(world, later)


@attack(
    PAPERS,
    "puts a cosignature of another of our trees below this one",
    PROOF,
    "Witnesses you trust",
)
def a_cosignature_of_another_size_is_played_again(world: World) -> None:
    kept = (world.desk / "kept.note").read_text()
    line = cosignature.sign(kept, world.witness.name, world.witness._seed, 1_790_000_000)
    _cosignature(world, lambda one: note.parse_signature(line.rstrip("\n")))


@attack(PAPERS, "puts a witness's word on another log below ours", PROOF, "Witnesses you trust")
def a_cosignature_of_another_origin_is_played_again(world: World) -> None:
    line = cosignature.sign(other_log(14), world.witness.name, world.witness._seed, 1_790_000_000)
    _cosignature(world, lambda one: note.parse_signature(line.rstrip("\n")))


@attack(
    PAPERS,
    "cosigns with a key of its own under the witness's name",
    PROOF,
    "does not make your quorum",
)
def a_cosignature_is_by_another_key(world: World) -> None:
    stranger = note.new_key(world.witness.name)

    def bend(body: bytes) -> bytes:
        head, _, signed = body.decode().partition("\n\n")
        parsed = note.parse(signed)
        alone = f"{parsed.text}\n{parsed.signatures[0].line}"
        line = cosignature.sign(alone, stranger.name, stranger.seed, 1_790_000_000)
        return f"{head}\n\n{alone}{line}".encode()

    _change(world.desk / "event.tlog-proof", bend)


@attack(PAPERS, "takes a time token for another tree", TOKEN, "An authority you trust saw the tree")
def a_time_token_is_of_another_tree(world: World) -> None:
    (world.desk / "stamped.note").write_bytes((world.desk / "kept.note").read_bytes())


@attack(
    PAPERS,
    "has a time authority of its own stamp the tree",
    TOKEN,
    "An authority you trust saw the tree",
)
def a_time_token_is_by_an_authority_that_nobody_trusts(world: World) -> None:
    mallory = Authority.make(world.desk / "mallory", "Mallory")
    signed = (world.desk / "stamped.note").read_text()
    (world.desk / "token.tsr").write_bytes(mallory.answer(time_tokens.request(signed).as_bytes()))


@attack(PAPERS, "changes a bit of a time token", TOKEN, "An authority you trust saw the tree")
def a_time_token_is_bent(world: World) -> None:
    def change(body: bytes) -> bytes:
        return body[:-5] + bytes([body[-5] ^ 1]) + body[-4:]

    _change(world.desk / "token.tsr", change)


def _lines(world: World, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path = world.desk / "log.ndjson"
    _change(path, lambda body: b"".join(change(body.splitlines(keepends=True))))


@attack(PAPERS, "leaves an entry out of the log's file", LOG, "Entry 2 is missing")
def an_entry_is_left_out_of_the_file(world: World) -> None:
    _lines(world, lambda lines: [*lines[:3], *lines[4:]])


@attack(PAPERS, "exchanges two entries in the log's file", LOG, "entry 3 stands there")
def two_entries_of_the_file_are_swapped(world: World) -> None:
    _lines(world, lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]])


@attack(PAPERS, "puts an entry of another log into the file", LOG, "do not have the root")
def the_file_has_an_entry_of_another_log(world: World) -> None:
    made = prepare(DraftFactory.build(), clock.now())
    line = log_file.line(2, made.event[1], [], [])
    _lines(world, lambda lines: [*lines[:3], line, *lines[4:]])


@attack(PAPERS, "puts the values of one entry behind another in the file", LOG, "Entry 2: ")
def the_file_opens_an_entry_with_others_values(world: World) -> None:
    def change(lines: list[bytes]) -> list[bytes]:
        two, four = json.loads(lines[3]), json.loads(lines[5])
        two["openings"] = four["openings"]
        return [*lines[:3], json.dumps(two).encode() + b"\n", *lines[4:]]

    _lines(world, change)


@attack(PAPERS_KEY, "signs the file's tree anew over a bent entry", LOG, "the log was signed again")
def the_file_is_bent_and_signed_again(world: World) -> None:
    def change(lines: list[bytes]) -> list[bytes]:
        documents = [json.loads(line) for line in lines[1:]]
        bent = documents[3]
        bent["entry"] = bent["entry"].replace('"skill.blocked"', '"skill.allowed"')
        root = merkle.root([merkle.leaf_hash(one["entry"].encode()) for one in documents])
        signed = sign_checkpoint(world.origin, len(documents), root, log_identity.seed())
        first = log_file.header(world.origin, len(documents), signed)
        return [first, *(json.dumps(one).encode() + b"\n" for one in documents)]

    _lines(world, change)
