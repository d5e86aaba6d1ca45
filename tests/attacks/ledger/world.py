"""A small log in use, and what others hold of it: a witness, a checkpoint, a pack, an export."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction

from ata.log.cosigning_server import Witness
from audit import clock, exports, packs
from audit.evidence import storage
from audit.exports import full_log
from audit.ledger import note, time_tokens
from audit.ledger.query import EventQuery
from audit.models import Checkpoint, Cosignature, Entry, Event, TimeToken
from audit.proofs import proofs_and_tiles
from audit.recording.actors import Target
from audit.recording.record import record
from audit.recording.stored_event_loader import load
from audit.sequencing import sequencer
from audit.witnesses.exchange import request_body
from tests.audit.factories import ADA, MIA, OLU, DraftFactory
from tests.audit.signed import newest_checkpoint
from tests.packs.act import jwks, token
from tests.support import authority
from tests.support.authority import Authority
from tests.support.recording import record_many
from tests.support.signed import sign_checkpoint

ORIGIN = "ledger.example/attacked"
KEPT = 6
"""Entries that the auditor once saw signed."""


@dataclass
class World:
    """The portal's folder, and the desk of an auditor who is somewhere else.

    Attributes:
        var: `VAR_DIR`.
        desk: the auditor's files.
        witness: who cosigns; its folder is on another machine.
    """

    var: Path
    desk: Path
    witness: Witness

    @property
    def origin(self) -> str:
        """The log's name."""
        return ORIGIN

    def event(self, index: int) -> Event:
        """The event of an entry."""
        return Entry.objects.select_related("event").get(seq=index).event

    def grow(self, reason: str = "more") -> Checkpoint:
        """Something happens, and is signed."""
        record(OLU, "skill.held", target=Target("skill", "late", "edge-1"), reason=reason)
        sequencer.run_once()
        return newest_checkpoint()

    def offer(self) -> list[str]:
        """The newest checkpoint goes to the witness; what it objects, if it does."""
        head = newest_checkpoint()
        reply = self.witness.add_checkpoint(request_body(head, 0))
        if reply.status == 409:
            seen = int(reply.body)
            if seen > head.size:
                return [f"409: it has cosigned {seen} entries, and {head.size} are offered"]
            reply = self.witness.add_checkpoint(request_body(head, seen))
        if reply.status == 200:
            return []
        return [f"{reply.status}: {reply.body.strip()}"]

    def take_log(self) -> None:
        """The auditor fetches the whole log as it is now."""
        pieces = full_log.hand_out(ADA, newest_checkpoint())
        (self.desk / "log.ndjson").write_bytes(b"".join(pieces))


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside is gone afterwards; durable transactions may be in it."""
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]  # what Django's TestCase does
    with block:
        yield
        transaction.set_rollback(True)


def build(var: Path, desk: Path) -> World:
    """Twelve entries in three signatures, and everything that leaves the portal."""
    desk.mkdir()
    proofs_and_tiles.vkey()  # the log gets its name and key
    folder = desk / "witness"
    world = World(
        var, desk, Witness(folder, "witness.example", [note.parse_vkey(proofs_and_tiles.vkey())])
    )
    storage.put_issuer_keys(OLU.iss, jwks())
    for person in (OLU, MIA):
        body = storage.put("id_token", token(sub=person.sub), person.key)
        record(person, "operator.signed_in", evidence=[body])
    _more(KEPT - 2)
    (desk / "kept.note").write_text(newest_checkpoint().note)
    _more(3)
    _cosign(world)
    _stamp(world)
    _export(world)
    _more(2)
    _cosign(world)
    _papers(world)
    return world


def _more(count: int) -> None:
    drafts = [DraftFactory.build(actor=OLU if n % 2 else MIA) for n in range(count)]
    assert len(list(record_many(drafts))) == count
    sequencer.run_once()


def _cosign(world: World) -> None:
    assert world.offer() == []
    head = newest_checkpoint()
    kept = next((world.desk / "witness").glob("*.checkpoint")).read_text()
    line = note.parse(kept).signatures[-1].line.rstrip("\n")
    Cosignature.objects.create(
        size=head.size, root=head.root, name=world.witness.name, line=line, created=clock.now()
    )


def _stamp(world: World) -> None:
    """A time token over the tree signed last, where OpenSSL is installed."""
    if not authority.is_here():
        return
    office = Authority(world.var / "authority")
    newest = newest_checkpoint()
    response = office.answer(time_tokens.request(newest.note).as_bytes())
    TimeToken.objects.create(
        size=newest.size,
        root=newest.root,
        authority="time.example",
        response=response,
        time=time_tokens.read(response, newest.note),
        created=clock.now(),
    )
    (world.desk / "stamped.note").write_text(newest.note)
    (world.desk / "token.tsr").write_bytes(response)
    shutil.copy(office.root_file, world.desk / "ca.pem")


def _export(world: World) -> None:
    job = exports.request(ADA, EventQuery.from_bar("action:skill.*"), "ndjson")
    body = b"".join(exports.stream(job.id))
    job.refresh_from_db()
    (world.desk / "acts.ndjson").write_bytes(body)
    manifest = json.dumps(exports.manifest_of(job))
    (world.desk / "acts.ndjson.manifest.json").write_text(manifest)
    pieces = full_log.hand_out(ADA, full_log.checkpoint_of(job.tree_size))
    (world.desk / "acts.log").write_bytes(b"".join(pieces))


def _papers(world: World) -> None:
    desk, event = world.desk, world.event(3)
    (desk / "log.key").write_text(proofs_and_tiles.vkey())
    witness = f"witness w {world.witness.vkey}"
    (desk / "policy").write_text(f"log {proofs_and_tiles.vkey()}\n{witness}\nquorum w\n")
    (world.var / "policy").write_text((desk / "policy").read_text())
    (desk / "jwks.json").write_text(json.dumps(jwks()))
    (desk / "event.tlog-proof").write_text(proofs_and_tiles.proof_at(3, newest_checkpoint()))
    (desk / "event.entry").write_bytes(bytes(event.entry))
    selection = packs.of_event(load(world.event(0).id))
    (desk / "pack.zip").write_bytes(packs.build(selection, clock.now(), lambda _: True).body)
    world.take_log()
    sequencer.run_once()
    _cosign(world)


def other_log(size: int) -> str:
    """The checkpoint of another log, signed by its own key."""
    key = note.new_key("ledger.example/other")
    return sign_checkpoint(key.name, size, bytes(32), key.seed)
