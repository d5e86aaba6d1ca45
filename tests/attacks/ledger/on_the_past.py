"""Whole histories: backups that are played again, copies that go on, a past that is signed anew.

Who has the log key can make a log that fits in itself. Inside the portal nothing shows it then, and
the table says so: it takes somebody outside who kept something.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace

from django.conf import settings

from audit import clock, packs
from audit.keys import keyring
from audit.ledger import note
from audit.ledger.key_transitions import key_statements_in_exports, log_renames
from audit.models import Entry, Event, EventRow, Openings
from audit.recording.record import record
from audit.recording.stored_event_loader import load
from audit.search import projection
from audit.sequencing import sequencer, signed_state
from tests.attacks.ledger.detecting import FOLLOWED, KEPT, PACK, STATE, TIMED, VERIFY, WITNESS
from tests.attacks.ledger.detecting import KEY as OWN_KEY
from tests.attacks.ledger.table import DATABASE, FILES, KEY, attack
from tests.attacks.ledger.world import World, undone
from tests.attacks.tamper import owner
from tests.audit.factories import OLU
from tests.packs.bending import resigned
from tests.support import renamed_log
from tests.support.origin_statements import write_statement


def _files_back(world: World) -> None:
    """The portal's folder as it was when the copy was made."""
    shutil.rmtree(world.var)
    shutil.copytree(world.desk / "backup", world.var)


def _backed_up(world: World) -> None:
    shutil.copytree(world.var, world.desk / "backup")


@attack(DATABASE, "restores an older copy of the database", STATE, "restored from an older backup")
def a_backup_of_the_database_is_played_again(world: World) -> None:
    with undone():
        world.grow()


@attack(
    FILES,
    "restores an older copy of everything",
    WITNESS,
    "409: it has cosigned",
    unseen_by=(VERIFY, STATE),
)
def a_backup_of_everything_is_played_again(world: World) -> None:
    _backed_up(world)
    with undone():
        world.grow()
        assert world.offer() == []
    _files_back(world)


@attack(
    FILES,
    "restores an older copy of everything, and shows it to who saw more",
    KEPT,
    "entries were signed then, and only",
    unseen_by=(VERIFY, STATE),
)
def a_backup_is_shown_to_who_saw_more(world: World) -> None:
    _backed_up(world)
    with undone():
        (world.desk / "kept.note").write_text(world.grow().note)
    _files_back(world)


@attack(
    FILES,
    "lets a second copy go on beside the first",
    WITNESS,
    "422: ",
    unseen_by=(VERIFY, STATE),
)
def a_clone_goes_its_own_way(world: World) -> None:
    _backed_up(world)
    with undone():
        world.grow("what the first copy says")
        assert world.offer() == []
    _files_back(world)
    world.grow("what the second copy says")


@attack(
    FILES,
    "shows one copy to one auditor and another to the next",
    KEPT,
    "are not those that were signed then",
    unseen_by=(VERIFY, STATE),
)
def two_auditors_are_shown_two_logs(world: World) -> None:
    _backed_up(world)
    with undone():
        (world.desk / "kept.note").write_text(world.grow("for the first auditor").note)
    _files_back(world)
    world.grow("for the second auditor")


def _unsign(world: World, first: int) -> None:
    """Forget every signature over more than the first entries, and that there were any."""
    owner.execute("DELETE FROM audit_entry WHERE seq >= %s", first)
    for table in ("checkpoint", "cosignature", "timetoken"):
        owner.execute(f"DELETE FROM audit_{table} WHERE size > %s", first)
    owner.execute("UPDATE audit_eventrow SET seq = NULL WHERE seq >= %s", first)
    newest = signed_state.newest_checkpoint()
    if newest is None:
        (world.var / "ledger" / "last-signed").unlink()
    else:
        signed_state.write_state(newest.size, bytes(newest.root))


def _forget(index: int) -> Event:
    event = Entry.objects.select_related("event").get(seq=index).event
    owner.execute("DELETE FROM audit_entry WHERE seq = %s", index)
    for row in Openings.objects.filter(event=event.id):
        owner.delete(Openings, row.pk)
    owner.delete(EventRow, event.id)
    owner.delete(Event, event.id)
    return event


def _sign_anew() -> None:
    sequencer.run_once()
    projection.rebuild()


def rewritten(world: World) -> None:
    """Entry 3 says something else, and everything from there on is signed again."""
    event = _forget(3)
    _unsign(world, 3)
    record(OLU, "skill.allowed", time=event.recorded_at, id=event.id)
    _sign_anew()


@attack(
    KEY,
    "writes another entry 3, and signs everything from there on again",
    KEPT,
    "the log was signed again",
    unseen_by=(VERIFY, STATE),
)
def the_past_is_rewritten_and_signed_again(world: World) -> None:
    rewritten(world)


@attack(
    KEY, "the same, and goes on sending checkpoints", WITNESS, "422: ", unseen_by=(VERIFY, STATE)
)
def a_rewritten_past_is_sent_to_a_witness(world: World) -> None:
    rewritten(world)


@attack(
    KEY,
    "the same, before an auditor who has a time token over the old tree",
    TIMED,
    "the log was signed again",
    unseen_by=(VERIFY, STATE),
)
def a_rewritten_past_meets_a_time_token(world: World) -> None:
    rewritten(world)


@attack(
    KEY,
    "takes entry 3 out, and signs everything from there on again",
    KEPT,
    "the log was signed again",
    unseen_by=(VERIFY, STATE),
)
def an_entry_is_taken_out_of_the_past(world: World) -> None:
    _forget(3)
    _unsign(world, 3)
    _sign_anew()


@attack(
    KEY,
    "puts an entry of its own into the past, and signs everything from there on again",
    KEPT,
    "the log was signed again",
    unseen_by=(VERIFY, STATE),
)
def an_entry_is_put_into_the_past(world: World) -> None:
    ids = list(Entry.objects.filter(seq__gte=3).order_by("seq").values_list("event", flat=True))
    _unsign(world, 3)
    new = record(OLU, "skill.allowed").id
    for seq, id in enumerate([new, *ids], 3):
        Entry.objects.create(seq=seq, event_id=id)
        EventRow.objects.filter(event=id).update(seq=seq)
    _sign_anew()


@attack(
    KEY,
    "cuts the log off after an earlier entry, and goes on from there",
    WITNESS,
    "409: it has cosigned",
    unseen_by=(STATE,),
)
def the_end_is_cut_off_and_signed(world: World) -> None:
    _unsign(world, 6)
    for id in list(EventRow.objects.filter(seq__isnull=True).values_list("event", flat=True)):
        for row in Openings.objects.filter(event=id):
            owner.delete(Openings, row.pk)
        owner.delete(EventRow, id)
        owner.delete(Event, id)
    _sign_anew()


@attack(
    KEY,
    "signs a second tree of a size that was signed before",
    WITNESS,
    "422: ",
    unseen_by=(STATE,),
)
def two_trees_of_one_size_are_signed(world: World) -> None:
    size = signed_state.newest_checkpoint().size - 1  # type: ignore[union-attr]
    _forget(size)
    _unsign(world, size)
    record(OLU, "skill.allowed")
    _sign_anew()


def _renamed(world: World) -> None:
    """The log goes on under a new name, with a witness's objection as the reason."""
    settings.LEDGER_ORIGIN = ""
    (world.var / "ledger" / "witness-conflict").write_text(json.dumps({"message": "it objects"}))
    renamed_log.rename("ledger.example/attacked/again", "an objection", "mallory")
    sequencer.run_once()


@attack(
    KEY,
    "restores an older copy of everything, and goes on under a new name as if nothing were lost",
    FOLLOWED,
    "are LOST, though it says that only",
    unseen_by=(VERIFY, STATE),
)
def a_loss_is_hidden_under_a_new_name(world: World) -> None:
    _backed_up(world)
    with undone():
        (world.desk / "kept.note").write_text(world.grow().note)
    _files_back(world)
    _renamed(world)


@attack(
    KEY,
    "goes on under a new name without a word of the old key",
    FOLLOWED,
    "no trusted key is named like",
)
def a_new_name_comes_without_a_word_of_the_old_key(world: World) -> None:
    _renamed(world)
    keyring.write(replace(keyring.read(), statements=()))


def _pack_again(world: World, change: Callable[[str], str]) -> None:
    """A pack of the renamed log, in which its statement is another."""
    _renamed(world)
    sequencer.run_once()
    selection = packs.of_event(load(world.event(0).id))
    body = packs.build(selection, clock.now(), lambda _: True).body

    def bend(held: dict[str, bytes]) -> dict[str, bytes]:
        told = [change(one) for one in key_statements_in_exports.read(held["log/key-history"])]
        return held | {"log/key-history": key_statements_in_exports.write(told)}

    (world.desk / "pack.zip").write_bytes(resigned(body, bend))


@attack(
    KEY,
    "changes what a pack of the renamed log says was lost, and signs it",
    PACK,
    "What former keys signed of this log fits",
)
def a_pack_tells_of_another_loss(world: World) -> None:
    _pack_again(world, lambda told: told.replace("\nlast 1", "\nlast 2", 1))


@attack(
    KEY,
    "puts a statement by keys of its own into a pack of the renamed log, and signs it",
    PACK,
    "What former keys signed of this log fits",
)
def a_pack_brings_a_strangers_statement(world: World) -> None:
    def forged(told: str) -> str:
        said = log_renames.parse(told)
        one, two = note.new_key(said.old_origin), note.new_key(said.new_origin)
        seeds = {one.vkey: one.seed, two.vkey: two.seed}
        keys, names = ([one.vkey], [two.vkey]), (one.name, two.name)
        return write_statement(names, said.kept, said.kept, keys, seeds, held=True)

    _pack_again(world, forged)


@attack(FILES, "puts the name back that the log had before", OWN_KEY, "is of the log")
def an_old_name_is_put_back(world: World) -> None:
    _renamed(world)
    (world.var / "ledger" / "origin").write_text(f"{world.origin}\n")


@attack(
    DATABASE,
    "takes the adoption out of the log under its new name",
    VERIFY,
    "in no ledger.adopted entry",
)
def an_adoption_is_taken_out(world: World) -> None:
    _renamed(world)
    for id in EventRow.objects.filter(action="ledger.adopted").values_list("event", flat=True):
        owner.delete(EventRow, id)
