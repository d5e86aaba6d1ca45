"""What the band of the local tenant offers: a finding that asks by itself, an edit that shows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from pytest_django import DjangoDbBlocker

from approvals import clock
from approvals.models import Approval
from audit.db import process_locks
from audit.sequencing import sequencer
from audit.verification import tampered_copy
from enforcement.audit_database import periodic_scan_import
from enforcement.gateways import client as gateways
from enforcement.gateways import instances
from enforcement.models import Finding, Watch
from tests.audit.factories import DraftFactory
from tests.audit.own_database import own_database
from tests.enforcement.browsing import browser
from tests.enforcement.stand_ins import StandIn, running
from tests.support.recording import record_many
from tests.support.stack import eventually

FINDING, TAMPER = "/demo/finding/", "/demo/tamper/"
OFFERED = "Simulate a critical finding"


@pytest.fixture
def olu() -> Client:
    """Olu in a browser; Oona could approve."""
    browser("operator2", "operator", name="Oona Operator")
    return browser("operator", "operator", name="Olu Operator")


@pytest.fixture
def laptop(tmp_path: Path, settings: LazySettings) -> Iterator[StandIn]:
    """A DEMO gateway that runs and watches the folder of an agent."""
    settings.VAR_DIR = tmp_path
    head = ("head", "--agent", "claudecode=action", "--take-action", "off")
    (tmp_path / "demo").mkdir()
    with running(tmp_path / "demo", "laptop", *head) as made:
        (tmp_path / "demo" / "instances.toml").write_text(made.in_file() + "demo = true\n")
        instances._cache.clear()
        yield made
    gateways._http.cache_clear()
    instances._cache.clear()


def skills(gateway: StandIn) -> list[str]:
    return [path.name for path in (gateway.home / ".claude" / "skills").iterdir()]


@pytest.mark.django_db
def test_a_simulated_finding_is_found_as_any_other_and_asks_by_itself(
    olu: Client, laptop: StandIn
) -> None:
    periodic_scan_import.poll_due()  # the first look starts from now
    assert OFFERED in olu.get("/").content.decode()
    answer = olu.post(FINDING, follow=True)
    (skill,) = skills(laptop)
    assert f"the malicious skill {skill} into the folder" in answer.content.decode()

    def found() -> bool:
        Watch.objects.update(due=clock.now(), probe_due=clock.now())
        periodic_scan_import.poll_due()
        return Finding.objects.filter(name=skill, severity="CRITICAL").exists()

    eventually(found, "the finding")
    assert Approval.objects.get(target_name=skill).severity == "CRITICAL"


@pytest.mark.django_db
def test_without_a_demo_gateway_nothing_is_written_anywhere(
    olu: Client, laptop: StandIn, tmp_path: Path
) -> None:
    (tmp_path / "demo" / "instances.toml").write_text(laptop.in_file())  # not labelled DEMO
    instances._cache.clear()
    answer = olu.post(FINDING, follow=True)
    assert "No DEMO gateway watches a folder" in answer.content.decode()
    assert skills(laptop) == []


@pytest.mark.django_db
@pytest.mark.parametrize("path", [FINDING, TAMPER])
def test_it_takes_a_signed_in_person_who_presses_a_button(path: str, olu: Client) -> None:
    assert OFFERED not in Client().get("/").content.decode()
    assert Client().post(path).status_code == 302  # to the sign-in
    assert olu.get(path).status_code == 405
    assert browser("auditor", "auditor", csrf=True).post(path).status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize(("who", "role"), [("member1", "member"), ("auditor", "auditor")])
def test_only_operators_and_admins_are_offered_it_and_may_press(
    who: str, role: str, laptop: StandIn
) -> None:
    client = browser(who, role)
    assert OFFERED not in client.get("/").content.decode()
    assert client.post(FINDING).status_code == client.post(TAMPER).status_code == 403
    assert skills(laptop) == []
    assert OFFERED in browser("admin", "admin").get("/").content.decode()


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="the copy is of an SQLite file")
def test_one_copy_is_made_at_a_time(olu: Client, settings: LazySettings, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    list(record_many([DraftFactory.build()]))
    sequencer.run_once()
    with process_locks.alone("tampering") as alone:
        assert alone
        answer = olu.post(TAMPER, follow=True).content.decode()
    assert "Another copy is being verified. Try again in a minute." in answer


def test_a_verification_without_a_report_is_an_error_in_words(
    settings: LazySettings, tmp_path: Path
) -> None:
    settings.VAR_DIR = tmp_path
    with pytest.raises(tampered_copy.NotPossible, match="ended with exit code"):
        tampered_copy.verify(tmp_path / "no-folder" / "none.sqlite3")


@pytest.mark.django_db
def test_with_another_issuer_there_is_no_such_page(olu: Client, settings: LazySettings) -> None:
    settings.ENV = settings.ENV.model_copy(update={"AUTH0_ISSUER": "https://acme.example/"})
    assert [olu.post(address).status_code for address in (FINDING, TAMPER)] == [404, 404]
    assert [olu.get(address).status_code for address in (FINDING, TAMPER)] == [404, 404]


def outcomes(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT entry FROM audit_event").fetchall()
    return sorted(bytes(entry).decode().partition('"outcome":"')[2][:7] for (entry,) in rows)


def _edited(original: Path) -> tuple[tampered_copy.Edit, int, dict[str, Any]]:
    """Record and sign events, then edit a copy of their database and verify it."""
    list(record_many([DraftFactory.build() for _ in range(5)]))
    sequencer.run_once()
    before = outcomes(original)
    with tampered_copy.copy_of_database() as copy:
        assert tampered_copy.verify(copy)[0] == 0
        edit = tampered_copy.edit_middle_entry(copy)
        code, report = tampered_copy.verify(copy)
    assert not copy.exists()
    assert outcomes(original) == before
    return edit, code, report


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the copy is of an SQLite file")
def test_an_edit_is_found_in_the_copy_and_the_log_is_as_it_was(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    settings: LazySettings,
    tmp_path: Path,
) -> None:
    """Needs a test next to it that is marked: without one nobody makes the database it copies."""
    settings.VAR_DIR = tmp_path
    with (
        django_db_blocker.unblock(),
        own_database(tmp_path),
        ThreadPoolExecutor(1) as other,
    ):
        edit, code, report = other.submit(_edited, tmp_path / "parallel.sqlite3").result()
    assert (code, report["first_bad_index"]) == (1, edit.index)
    assert (edit.was, edit.now) == ("success", "failure")


@pytest.mark.django_db
def test_an_empty_log_has_no_entry_to_edit(olu: Client) -> None:
    answer = olu.post(TAMPER, follow=True)
    assert "No copy was verified" in answer.content.decode()
