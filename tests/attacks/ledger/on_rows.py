"""Whoever writes the database, past the triggers and with care to leave no trace."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from audit.ledger.merkle import leaf_hash
from audit.models import (
    Checkpoint,
    Cosignature,
    Entry,
    Event,
    EventRow,
    EvidenceItem,
    ExportJob,
    Openings,
    Rollup,
)
from audit.recording.record import record
from tests.attacks.ledger.detecting import STATE, VERIFY
from tests.attacks.ledger.table import DATABASE, attack
from tests.attacks.ledger.world import World
from tests.attacks.tamper import owner
from tests.audit.factories import MIA, OLU, DraftFactory
from tests.audit.signed import newest_checkpoint
from tests.support.recording import record_many


def _bent(world: World, index: int) -> bytes:
    entry = bytes(world.event(index).entry)
    assert b'"skill.blocked"' in entry
    return entry.replace(b'"skill.blocked"', b'"skill.allowed"')


@attack(DATABASE, "changes the bytes of an entry", VERIFY, "leaf at 3")
def an_entry_is_edited(world: World) -> None:
    owner.overwrite(Event, world.event(3).id, "entry", _bent(world, 3))


@attack(DATABASE, "changes the bytes and the hash beside them", VERIFY, "root at 0")
def an_entry_is_edited_with_its_hash(world: World) -> None:
    id, bent = world.event(3).id, _bent(world, 3)
    owner.overwrite(Event, id, "entry", bent)
    owner.overwrite(Event, id, "leaf_hash", leaf_hash(bent))


@attack(DATABASE, "takes the triggers away, edits, and puts them back", VERIFY, "event at 4")
def an_entry_is_edited_behind_dropped_triggers(world: World) -> None:
    with owner.past_the_triggers(), connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET recorded_at = %s WHERE id = %s", _late(world, 4))


def _late(world: World, index: int) -> list[Any]:
    event = world.event(index)
    moved = event.recorded_at + timedelta(days=3)
    field = Event._meta.get_field("recorded_at")
    pk = Event._meta.pk
    assert pk is not None
    return [
        field.get_db_prep_save(moved, connection=connection),
        pk.get_db_prep_save(event.id, connection=connection),
    ]


@attack(
    DATABASE, "drops one trigger and leaves", VERIFY, "trigger audit_event_no_update is missing"
)
def a_trigger_is_dropped(world: World) -> None:
    on = " ON audit_event" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # no table can be altered while checks wait
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"DROP TRIGGER audit_event_no_update{on}")


@attack(DATABASE, "deletes an event with everything that speaks of it", VERIFY, "gap at 4")
def an_event_is_deleted(world: World) -> None:
    event = world.event(4)
    owner.execute("DELETE FROM audit_entry WHERE seq = 4")
    for row in Openings.objects.filter(event=event.id):
        owner.delete(Openings, row.pk)
    owner.delete(EventRow, event.id)
    owner.delete(Event, event.id)


@attack(DATABASE, "deletes an event and moves all later ones up", VERIFY, "root at")
def an_event_is_deleted_and_the_gap_closed(world: World) -> None:
    last = newest_checkpoint().size
    an_event_is_deleted(world)
    for index in range(5, last):
        owner.execute("UPDATE audit_entry SET seq = %s WHERE seq = %s", index - 1, index)
        owner.execute("UPDATE audit_eventrow SET seq = %s WHERE seq = %s", index - 1, index)


@attack(DATABASE, "deletes the newest entries", VERIFY, "the end of the log is missing")
def the_end_is_cut_off(world: World) -> None:
    _cut(2)


@attack(DATABASE, "deletes the newest entries and what was signed of them", STATE, "behind")
def the_end_is_cut_off_with_its_checkpoints(world: World) -> None:
    size = _cut(2)
    owner.execute("DELETE FROM audit_checkpoint WHERE size > %s", size)
    owner.execute("DELETE FROM audit_cosignature WHERE size > %s", size)


def _cut(count: int) -> int:
    size = newest_checkpoint().size - count
    ids = list(Entry.objects.filter(seq__gte=size).values_list("event", flat=True))
    owner.execute("DELETE FROM audit_entry WHERE seq >= %s", size)
    for id in ids:
        owner.delete(EventRow, id)
        owner.delete(Event, id)
    return size


@attack(DATABASE, "puts an event of its own between two others", VERIFY, "root at")
def an_event_is_inserted(world: World) -> None:
    (new,) = _recorded(1)
    for index in reversed(range(5, newest_checkpoint().size)):
        owner.execute("UPDATE audit_entry SET seq = %s WHERE seq = %s", index + 1, index)
        owner.execute("UPDATE audit_eventrow SET seq = %s WHERE seq = %s", index + 1, index)
    Entry.objects.create(seq=5, event_id=new)
    EventRow.objects.filter(event=new).update(seq=5)


def _recorded(count: int) -> list[UUID]:
    return list(record_many(DraftFactory.build() for _ in range(count)))


@attack(DATABASE, "gives an event a place far beyond the end", VERIFY, "gap at 14")
def an_event_is_placed_beyond_the_end(world: World) -> None:
    (new,) = _recorded(1)
    Entry.objects.create(seq=4_000_000, event_id=new)


@attack(DATABASE, "exchanges two entries", VERIFY, "root at 0")
def two_entries_are_swapped(world: World) -> None:
    third, fourth = world.event(3).id, world.event(4).id
    owner.execute("DELETE FROM audit_entry WHERE seq IN (3, 4)")
    Entry.objects.create(seq=3, event_id=fourth)
    Entry.objects.create(seq=4, event_id=third)
    owner.execute("UPDATE audit_eventrow SET seq = NULL WHERE seq IN (3, 4)")
    EventRow.objects.filter(event=fourth).update(seq=3)
    EventRow.objects.filter(event=third).update(seq=4)


@attack(DATABASE, "records another act under the id of a deleted one", VERIFY, "root at 0")
def an_id_is_used_again(world: World) -> None:
    id = world.event(3).id
    owner.execute("DELETE FROM audit_entry WHERE seq = 3")
    for row in Openings.objects.filter(event=id):
        owner.delete(Openings, row.pk)
    owner.delete(EventRow, id)
    owner.delete(Event, id)
    record(OLU, "skill.allowed", id=id)
    Entry.objects.create(seq=3, event_id=id)
    EventRow.objects.filter(event=id).update(seq=3)


@attack(DATABASE, "puts the values of one event behind another", VERIFY, "opening at")
def openings_are_moved(world: World) -> None:
    (one,) = Openings.objects.filter(event=world.event(2).id)
    (two,) = Openings.objects.filter(event=world.event(4).id)
    mine, theirs = one.values, two.values
    owner.overwrite(Openings, one.pk, "values", theirs)
    owner.overwrite(Openings, two.pk, "values", mine)


@attack(
    DATABASE,
    "files the values of one person under another, to save them from erasure",
    VERIFY,
    "opening at",
)
def openings_change_their_owner(world: World) -> None:
    row = Openings.objects.filter(event=world.event(2).id).first()
    assert row is not None
    owner.overwrite(Openings, row.pk, "subject", MIA.key if row.subject == OLU.key else OLU.key)


@attack(DATABASE, "has the sign-in of one person point to that of another", VERIFY, "evidence at")
def evidence_is_moved(world: World) -> None:
    items = EvidenceItem.objects.filter(kind="id_token").order_by("subject")
    first, second = items
    one, two = first.subject, second.subject
    owner.overwrite(EvidenceItem, first.pk, "subject", two)
    owner.overwrite(EvidenceItem, second.pk, "subject", one)


@attack(DATABASE, "has the list say that somebody else did it", VERIFY, "projection at 3")
def a_search_row_tells_another_story(world: World) -> None:
    owner.execute("UPDATE audit_eventrow SET actor_sub = 'auth0|mallory' WHERE seq = 3")


@attack(DATABASE, "shows an act as better proven than it is", VERIFY, "level at 3")
def a_level_is_raised(world: World) -> None:
    owner.execute("UPDATE audit_eventrow SET human = 'H3' WHERE seq = 3")


@attack(DATABASE, "has the charts count fewer", VERIFY, "counts at")
def a_count_is_lowered(world: World) -> None:
    row = Rollup.objects.filter(action="skill.blocked").first()
    assert row is not None
    owner.delete(Rollup, row.pk)


@attack(DATABASE, "has a checkpoint say another size", VERIFY, "differ from its signed text")
def a_checkpoint_is_edited(world: World) -> None:
    head = newest_checkpoint()
    owner.overwrite(Checkpoint, head.pk, "size", head.size - 1)


@attack(DATABASE, "deletes the newest checkpoint", VERIFY, "of a tree that we never signed")
def a_checkpoint_is_deleted(world: World) -> None:
    owner.delete(Checkpoint, newest_checkpoint().pk)


@attack(DATABASE, "sets the clock of a checkpoint back", VERIFY, "and its signature says")
def the_clock_of_a_checkpoint_is_rolled_back(world: World) -> None:
    head = newest_checkpoint()
    owner.overwrite(Checkpoint, head.pk, "created", head.created - timedelta(days=2))


@attack(
    DATABASE,
    "has a cosignature stand under a tree that nobody cosigned",
    VERIFY,
    "does not hold",
)
def a_cosignature_is_moved(world: World) -> None:
    row = Cosignature.objects.order_by("-id").first()
    assert row is not None
    first = Checkpoint.objects.order_by("id").first()
    assert first is not None
    Cosignature.objects.create(
        size=first.size, root=first.root, name=row.name, line=row.line, created=row.created
    )


@attack(DATABASE, "has a finished export say that it had fewer rows", VERIFY, "work at")
def a_finished_export_is_edited(world: World) -> None:
    job = ExportJob.objects.order_by("created").first()
    assert job is not None
    owner.overwrite(ExportJob, job.pk, "rows", job.rows - 1)
