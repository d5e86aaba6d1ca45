"""Verification turns red at the index that was changed, and says why."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from audit.ledger.format.canonical import canonical
from audit.ledger.merkle import fold, leaf_hash
from audit.models import (
    Checkpoint,
    Entry,
    Event,
    EventRow,
    Openings,
    Rollup,
    Tile,
    VerificationRun,
)
from audit.recording.actors import Actor
from audit.recording.stored_event_loader import load
from audit.search import projection
from audit.sequencing import sequencer, signed_state
from audit.verification import requested_runs, verify
from tests.audit.factories import ADA, OLU, DraftFactory
from tests.audit.signed import newest_checkpoint
from tests.support.recording import record_many
from tests.support.signed import sign_checkpoint

pytestmark = pytest.mark.django_db
SIZE = 600


@pytest.fixture
def log(unguarded: None) -> list[UUID]:
    """A signed log of three tiles, its triggers dropped by its owner."""
    ids = list(record_many([DraftFactory.build() for _ in range(SIZE)]))
    sequencer.run_once()
    return ids


def found(start: int = 0) -> list[tuple[str, int | None]]:
    """Codes and indices of what verification finds, missing triggers aside."""
    report = verify.run(start=start, batch=100)
    return [(p.code, p.index) for p in report.problems if p.code != "trigger"]


def altered(id: UUID, **changes: Any) -> bytes:
    """The entry of an event with some of its fields changed, canonical again."""
    document = json.loads(bytes(Event.objects.get(id=id).entry))
    return canonical(document | changes)


def test_an_untouched_log_holds_and_memory_goes_by_batches() -> None:
    list(record_many([DraftFactory.build() for _ in range(SIZE)]))
    list(record_many([DraftFactory.build()]))
    seen: list[tuple[int, int]] = []
    sequencer.run_once()
    list(record_many([DraftFactory.build(), DraftFactory.build()]))
    report = verify.run(progress=lambda done, total: seen.append((done, total)), batch=100)
    assert report.ok and report.first_bad is None, report.problems
    assert (report.size, report.checked, report.pending) == (SIZE + 1, SIZE + 1, 2)
    assert report.checkpoints == Checkpoint.objects.count()
    assert report.root == newest_checkpoint().root
    assert seen[0] == (100, SIZE + 1) and seen[-1] == (SIZE + 1, SIZE + 1)


def test_an_empty_log_holds() -> None:
    report = verify.run()
    assert report.ok and (report.size, report.checked) == (0, 0)


def test_a_changed_entry_is_found(log: list[UUID]) -> None:
    Event.objects.filter(id=log[300]).update(entry=altered(log[300], outcome="denied"))
    assert ("leaf", 300) in found()


def test_a_changed_entry_with_a_matching_leaf_is_found_by_its_tile(log: list[UUID]) -> None:
    entry = altered(log[300], outcome="denied")
    Event.objects.filter(id=log[300]).update(entry=entry, leaf_hash=leaf_hash(entry))
    assert ("tile", 300) in found()
    first_bad = verify.run().first_bad
    assert first_bad is not None and first_bad.index == 300


def test_a_changed_entry_after_the_last_tile_is_found_by_the_signed_root(log: list[UUID]) -> None:
    entry = altered(log[599], outcome="denied")
    Event.objects.filter(id=log[599]).update(entry=entry, leaf_hash=leaf_hash(entry))
    assert "root" in {code for code, _ in found()}


def test_a_whole_rewritten_history_contradicts_the_signed_root(log: list[UUID]) -> None:
    entry = altered(log[5], outcome="denied")
    Event.objects.filter(id=log[5]).update(entry=entry, leaf_hash=leaf_hash(entry))
    tile = Tile.objects.get(level=0, n=0)
    hashes = bytes(tile.hashes)
    hashes = hashes[: 5 * 32] + leaf_hash(entry) + hashes[6 * 32 :]
    Tile.objects.filter(pk=tile.pk).update(hashes=hashes, root=fold(hashes))
    projection.rebuild()
    assert found() and {code for code, _ in found()} == {"root"}


def test_two_entries_that_changed_places_are_found(log: list[UUID]) -> None:
    (spare,) = record_many([DraftFactory.build()])  # an event has one leaf: swap by way of a third
    for seq, event in ((10, spare), (20, log[10]), (10, log[20])):
        Entry.objects.filter(seq=seq).update(event=event)
    assert ("tile", 10) in found()


def test_a_deleted_leaf_is_a_gap(log: list[UUID]) -> None:
    Entry.objects.filter(seq=42).delete()
    assert ("gap", 42) in found()


def test_a_deleted_end_is_found_by_what_was_signed(log: list[UUID]) -> None:
    Entry.objects.filter(seq__gte=590).delete()
    assert ("truncated", 590) in found()


def test_a_deleted_end_with_its_checkpoint_is_found_by_the_state_file(log: list[UUID]) -> None:
    Entry.objects.filter(seq__gte=590).delete()
    Checkpoint.objects.filter(size=SIZE).delete()
    assert ("truncated", 590) in found()


def test_an_entry_that_is_not_canonical_is_found(log: list[UUID]) -> None:
    entry = bytes(Event.objects.get(id=log[7]).entry).replace(b'":', b'": ', 1)
    Event.objects.filter(id=log[7]).update(entry=entry)
    assert {("leaf", 7), ("entry", 7)} <= set(found())


def test_a_changed_personal_value_is_found(log: list[UUID]) -> None:
    openings = Openings.objects.filter(event=log[9]).first()
    assert openings is not None
    openings.values["actor.name"][1] = "Somebody Else"
    openings.save()
    assert found() == [("opening", 9)]


def test_an_erased_person_is_no_tampering(log: list[UUID]) -> None:
    Openings.objects.filter(event=log[9], subject=OLU.key).delete()
    projection.refresh([log[9]])
    assert found() == []
    assert load(log[9])["actor"]["name"] == {"erased": True}
    assert EventRow.objects.get(event=log[9]).actor_name == ""


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("outcome", "denied"),
        ("actor_name", "Somebody Else"),
        ("sentence", "Nothing happened"),
        ("terms", " _all "),
        ("human", "H3"),
        ("severity", 0),
        ("time", "2020-01-01T00:00:00Z"),
    ],
)
def test_a_changed_search_row_is_found(log: list[UUID], column: str, value: object) -> None:
    EventRow.objects.filter(event=log[11]).update(**{column: value})
    assert ("projection", 11) in found()
    first = verify.run().first_bad
    assert first is not None and (first.index, column in first.message) == (11, True)
    projection.rebuild()
    assert found() == []


def test_a_missing_or_invented_search_row_is_found(log: list[UUID]) -> None:
    row = EventRow.objects.get(event=log[0])
    EventRow.objects.filter(event=log[0]).delete()
    assert ("projection", 0) in found()
    row.event = UUID(int=1)
    row.save()
    assert ("projection", 0) in found()


def test_a_changed_tile_root_or_missing_tile_is_found(log: list[UUID]) -> None:
    Tile.objects.filter(level=0, n=1).update(root=b"\0" * 32)
    assert found() == [("tile", 256)]
    Tile.objects.filter(level=0, n=1).delete()
    assert found() == [("tile", 256)]


def test_a_forged_or_altered_checkpoint_is_found(log: list[UUID]) -> None:
    newest = newest_checkpoint()
    forged = sign_checkpoint("ledger.example/test", SIZE, b"\1" * 32, b"\1" * 32)
    Checkpoint.objects.filter(pk=newest.pk).update(note=forged)
    assert ("checkpoint", SIZE) in found()
    Checkpoint.objects.filter(pk=newest.pk).update(note=newest.note, size=SIZE - 1)
    assert ("checkpoint", SIZE) in found()


def test_lost_counts_and_index_are_found(log: list[UUID]) -> None:
    Rollup.objects.all().delete()
    assert {code for code, _ in found()} == {"counts"}
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO audit_fts(audit_fts) VALUES('delete-all')")
        assert {code for code, _ in found()} == {"counts", "index"}
    projection.rebuild()
    assert found() == []


def test_a_pending_event_that_was_changed_is_found(log: list[UUID]) -> None:
    (id,) = record_many([DraftFactory.build()])
    Event.objects.filter(id=id).update(entry=b"{}")
    assert [code for code, _ in found()] == ["leaf", "entry"]


def test_starting_later_skips_what_is_before_and_still_holds_the_tree(log: list[UUID]) -> None:
    Event.objects.filter(id=log[3]).update(entry=altered(log[3], outcome="denied"))
    assert found(start=300) == []
    assert verify.run(start=300).checked == 300
    Event.objects.filter(id=log[301]).update(entry=altered(log[301], outcome="denied"))
    assert ("leaf", 301) in found(start=301)
    assert ("leaf", 301) not in found(start=302)
    with pytest.raises(ValueError, match="outside"):
        verify.run(start=601)


def test_missing_triggers_fail_the_verification(log: list[UUID]) -> None:
    report = verify.run()
    assert {p.code for p in report.problems} == {"trigger"} and not report.ok


def test_the_command_exits_by_the_result(var_dir: Path) -> None:
    list(record_many([DraftFactory.build() for _ in range(3)]))
    sequencer.run_once()
    out = StringIO()
    call_command("verify_ledger", "--json", stdout=out)
    assert json.loads(out.getvalue())["ok"] is True
    signed_state.write_state(9, b"\1" * 32)
    out = StringIO()
    with pytest.raises(SystemExit) as exit:
        call_command("verify_ledger", "--json", stdout=out)
    result = json.loads(out.getvalue())
    assert (exit.value.code, result["ok"], result["first_bad_index"]) == (1, False, 3)
    out = StringIO()
    with pytest.raises(CommandError, match="entries 0 to 2; 99 is outside"):
        call_command("verify_ledger", "--from", "99", "--json", stdout=out)
    assert json.loads(out.getvalue())["ok"] is False


def test_a_run_that_was_asked_for_keeps_its_result_and_is_recorded() -> None:
    list(record_many([DraftFactory.build() for _ in range(3)]))
    sequencer.run_once()
    run = requested_runs.request(ADA)
    assert isinstance(ADA, Actor) and run.requested_by == "Ada Auditor"
    done = requested_runs.perform(run.id)
    assert (done.state, done.checked, done.total) == (VerificationRun.State.PASSED, 3, 3)
    assert done.result["ok"] is True
    requested_runs.perform(run.id)
    assert EventRow.objects.filter(action="audit.verified").count() == 1


def test_a_failed_run_raises_the_alarm(log: list[UUID]) -> None:
    done = requested_runs.perform(requested_runs.request(ADA).id)
    assert done.state == VerificationRun.State.FAILED
    assert EventRow.objects.filter(action="ledger.alarm").count() == 1


def test_a_level_that_is_not_what_the_evidence_proves_is_an_alarm(db: None) -> None:
    (id, _) = record_many([DraftFactory.build() for _ in range(2)])
    sequencer.run_once()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_eventrow SET human = 'H3' WHERE seq = 0")
    done = requested_runs.perform(requested_runs.request(ADA).id)
    codes = {(problem["code"], problem["index"]) for problem in done.result["problems"]}
    assert ("level", 0) in codes
    (alarm,) = EventRow.objects.filter(action="ledger.alarm")
    event = load(alarm.event)
    assert event["data"] == {"code": "level", "index": 0}
    assert event["reason"].startswith("index 0: the stored human level is H3; what the evidence")
    assert "No evidence was recorded." in event["reason"]
    assert load(id)["human"] == "H3", "what is stored stays for whoever looks into it"


def test_rows_of_an_older_version_are_made_anew_on_request(log: list[UUID]) -> None:
    assert projection.stale() is False
    EventRow.objects.update(sentence="as an older version said it")
    assert projection.stale() is True
    call_command("rebuild_projection", "--if-stale", stdout=StringIO())
    assert projection.stale() is False and found() == []
