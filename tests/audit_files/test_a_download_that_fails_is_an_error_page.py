"""What cannot be made is answered with an error that names it, before any byte is sent."""

from __future__ import annotations

import json
import re
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from io import BytesIO
from types import ModuleType
from typing import Any

import pytest
from django.db import connection

from audit.audit_files import range_lines_and_tables, zip_file
from audit.db import process_locks, request_database_time_budget
from audit.evidence import storage
from audit.ledger.audit_file_format import entry_range, signed_manifest
from audit.ledger.format.canonical import canonical
from audit.ledger.packs import archive as pack_files
from audit.models import Entry, Event, EventRow, EvidenceItem, Openings, Tile
from tests.ata.ata_process import Ata
from tests.audit.browsing import browser_of, text_of
from tests.audit.conftest import unguarded
from tests.audit.factories import ADA
from tests.audit_files.audit_world import FRAMEWORK, WITH_TODAY, World, unpacked

__all__ = ["unguarded"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unguarded")]

ZIP = f"/audit/file/zip?framework={FRAMEWORK}&others=with&{WITH_TODAY}"
WORKPAPER = f"/audit/file/workpaper?framework={FRAMEWORK}&others=with&{WITH_TODAY}"
FILES = (ZIP, WORKPAPER)


def asked(path: str) -> Any:
    browser = browser_of(ADA)
    browser.raise_request_exception = False
    return browser.get(path)


def exported() -> int:
    return EventRow.objects.filter(action="audit.exported").count()


def words(answer: Any) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text_of(answer))))


def refused_at(path: str) -> str:
    """What the page of the audit file says after a download that was refused."""
    browser = browser_of(ADA)
    answer = browser.get(path)
    assert answer.status_code == 302, answer
    return words(browser.get(answer["Location"]))


def number_of(action: str) -> int:
    rows = EventRow.objects.filter(action=action, seq__isnull=False)
    return max(int(seq) for seq in rows.values_list("seq", flat=True) if seq is not None)


def rewrite(seq: int, **changes: Any) -> None:
    """Change an entry as the owner of the database can: it is canonical again."""
    event = Entry.objects.get(seq=seq).event
    document = json.loads(bytes(event.entry)) | changes
    Event.objects.filter(id=event.id).update(entry=canonical(document))


def another_outcome(seq: int) -> None:
    rewrite(seq, outcome="failure")


def no_entry_at_all(seq: int) -> None:
    event = Entry.objects.get(seq=seq).event
    Event.objects.filter(id=event.id).update(entry=b"{}")


def another_value(seq: int) -> None:
    rows = Openings.objects.filter(event=Entry.objects.get(seq=seq).event_id)
    [kept] = rows.values_list("values", flat=True)
    rows.update(values={path: [salt, "forged"] for path, (salt, _) in kept.items()})


def a_value_of_another_form(seq: int) -> None:
    rows = Openings.objects.filter(event=Entry.objects.get(seq=seq).event_id)
    rows.update(values={"reason": 7})


def no_leaf(seq: int) -> None:
    Entry.objects.filter(seq=seq).delete()


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize(
    "alter", [another_outcome, no_entry_at_all, another_value, a_value_of_another_form, no_leaf]
)
def test_an_altered_entry_is_named_before_a_byte_is_sent(
    world: World, path: str, alter: Any, caplog: pytest.LogCaptureFixture
) -> None:
    seq = number_of("access.refused")
    event = Entry.objects.get(seq=seq).event_id
    alter(seq)
    answer = asked(path)
    assert answer.status_code == 500 and not answer.streaming, answer
    said = words(answer)
    names = (f"Entry {seq:,}", f"Event {event}")
    assert any(name in said for name in names), said
    assert "Verify everything" in said and "backup" in said
    assert any(name.lower() in caplog.text.lower() for name in names), caplog.text
    assert not exported()


@pytest.mark.parametrize("path", FILES)
def test_a_stored_tree_that_was_altered_is_said(world: World, path: str) -> None:
    browser_of(ADA).get("/audit/file/")
    scope = world.scope()
    type(scope.tree).objects.update(root=bytes(32))
    assert not Tile.objects.exists()
    assert "The stored tree is not the one that the log signed" in refused_at(path)
    assert not exported()


def test_evidence_that_fits_into_no_pack_is_named(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack_files, "MAX_PACK_BYTES", 5_000)
    said = refused_at(ZIP)
    assert "evidence/items-001.zip" in said and "larger than 5,000 bytes" in said
    assert "Choose fewer items for each sample, or a shorter period." in said
    assert not exported()


@pytest.mark.parametrize(
    ("where", "bound", "most"),
    [
        (zip_file, "MAX_UNPACKED_BYTES", 20_000),
        (zip_file, "MOST_PARTS", 100),
        (signed_manifest, "MAX_EVIDENCE_BYTES", 1_000),
        (signed_manifest, "MAX_MEMBERS", 5),
        (entry_range, "MOST_PARTS", 100),
        (entry_range, "MOST_PARTS_OF_LINE", 50),
        (range_lines_and_tables, "MOST_ROWS", 3),
    ],
)
def test_no_more_is_written_than_a_verifier_reads(
    world: World, monkeypatch: pytest.MonkeyPatch, where: ModuleType, bound: str, most: int
) -> None:
    monkeypatch.setattr(where, bound, most)
    said = refused_at(ZIP)
    assert "No file was made" in said and "hoose a" in said, said
    assert not exported()


def test_a_body_that_is_missing_is_said_in_the_file(world: World) -> None:
    for item in EvidenceItem.objects.filter(kind="id_token"):
        storage._body_path(item.digest).unlink()
    storage._kept.cache_clear()
    answer = asked(ZIP)
    assert answer.status_code == 200
    withheld = json.loads(unpacked(b"".join(answer.streaming_content))["manifest.json"])["withheld"]
    assert any("erased, missing or unreadable" in one for one in withheld), withheld


@pytest.mark.parametrize("path", FILES)
def test_the_length_is_said_so_that_a_broken_download_shows(world: World, path: str) -> None:
    answer = asked(path)
    body = b"".join(answer.streaming_content)
    assert answer["Content-Length"] == str(len(body))
    assert zipfile.is_zipfile(BytesIO(body))


def test_a_file_that_broke_off_is_taken_for_complete_by_nobody(world: World, ata: Ata) -> None:
    body = world.file()
    for length in (100, len(body) // 2, len(body) - 22, len(body) - 1):
        part = body[:length]
        assert not zipfile.is_zipfile(BytesIO(part))
        result = ata.here("verify", world.save(part), *world.keys())
        assert result.exit_code != 0, result.output
        assert "Verified" not in result.output and "Traceback" not in result.output
        assert "The end of this ZIP archive is missing" in result.output, result.output
        assert "Download it again" in result.output


@contextmanager
def another_is_made() -> Iterator[None]:
    """Somebody else's file is being made, by another session of the database."""
    if connection.vendor == "sqlite":
        with process_locks.alone("audit_file") as held:
            assert held
            yield
        return
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [process_locks._KEYS["audit_file"]])
        assert cursor.fetchone() == (True,)
        yield
        cursor.execute("SELECT pg_advisory_unlock_all()")
    other.close()


@pytest.mark.parametrize("path", FILES)
def test_while_one_is_made_nobody_begins_another(world: World, path: str) -> None:
    with another_is_made():
        said = refused_at(path)
        assert "No file was made: Another audit file or workpaper is being made now." in said, said
        assert browser_of(ADA).head(path).status_code == 200, "nothing is made for it"
    assert exported() == 0
    assert asked(path).status_code == 200 and asked(path).status_code == 200
    assert exported() == 2


@pytest.mark.parametrize("path", FILES)
def test_what_failed_leaves_the_turn_to_others(
    world: World, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    with monkeypatch.context() as small:
        small.setattr(range_lines_and_tables, "MOST_ROWS", 1)
        assert "more than a verifier reads" in refused_at(path)
    assert asked(path).status_code == 200


@pytest.mark.parametrize("path", FILES)
def test_a_large_range_may_take_longer_than_the_database_time_of_a_request(
    world: World, path: str
) -> None:
    def slow(execute: Any, sql: str, *given: Any) -> Any:
        if '"audit_event"."entry"' in sql:
            time.sleep(3.0)
        return execute(sql, *given)

    browser = browser_of(ADA)
    with request_database_time_budget.bounded(2.0), connection.execute_wrapper(slow):
        assert browser.get(path).status_code == 200
