"""What DefenseClaw did itself is said in the request, and its own noise asks nobody."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from approvals.models import Approval
from audit.recording.actors import Actor
from enforcement.models import Finding, Scan
from tests.enforcement.gateways import Edge, Town
from tests.enforcement.stored_scans import (
    Found,
    insert,
    store_own_measures,
    store_quarantine,
    store_scan,
)

Look = Callable[[], int]

pytestmark = pytest.mark.django_db

BEGAN = timedelta(seconds=40)  # a scan takes long, and its row has the time at which it began
SKILL = "/srv/alice/.claude/skills/pdf-exfil"
CACHE = "/srv/alice/.codex/plugins/cache"


def test_the_request_says_what_defenseclaw_has_already_done(
    town: Town, edge: Edge, look: Look, olu: Actor
) -> None:
    store_own_measures(edge, "skill", "pdf-exfil", file="quarantine", runtime="disable")
    store_quarantine(edge, "skill", SKILL, "d1")
    store_scan(edge, "skill-scanner", SKILL, Found(), started_ago=BEGAN)
    look()
    asked = Approval.objects.get().reason
    assert ". DefenseClaw has already quarantined and disabled it. Keep it blocked?" in asked
    assert "If not, only our" in asked


@pytest.mark.parametrize("keeps_records", [True, False])
def test_files_that_are_only_marked_as_quarantined_are_not_said_to_be_moved(
    town: Town, edge: Edge, look: Look, olu: Actor, keeps_records: bool
) -> None:
    """After a restore the watcher of HEAD marks them again and leaves them."""
    store_own_measures(edge, "skill", "pdf-exfil", file="quarantine", runtime="disable")
    if keeps_records:
        store_quarantine(edge, "skill", "/srv/alice/.claude/skills/another", "d1")
    store_scan(edge, "skill-scanner", SKILL, Found(), started_ago=BEGAN)
    look()
    assert "DefenseClaw has already disabled it." in Approval.objects.get().reason


def test_a_record_of_a_quarantine_is_enough(town: Town, edge: Edge, look: Look, olu: Actor) -> None:
    store_quarantine(edge, "skill", SKILL, "d1")
    store_scan(edge, "skill-scanner", SKILL, Found(), started_ago=BEGAN)
    look()
    assert "DefenseClaw has already quarantined it." in Approval.objects.get().reason


def test_so_are_the_rows_of_the_watcher_where_its_table_has_the_block_alone(
    town: Town, edge: Edge, look: Look, olu: Actor
) -> None:
    with closing(sqlite3.connect(edge.database)) as database:
        database.execute("DROP TABLE quarantine_records")  # 0.8.4 has none
    store_own_measures(edge, "skill", "pdf-exfil")
    for id, action, target in (
        ("w1", "install-rejected", SKILL),
        ("w2", "watcher-block", "pdf-exfil"),
    ):
        insert(
            edge,
            "audit_events",
            id=id,
            timestamp=datetime.now(UTC).isoformat(),
            action=action,
            target=target,
        )
    store_scan(edge, "skill-scanner", SKILL, Found(), started_ago=BEGAN)
    look()
    assert "DefenseClaw has already quarantined it." in Approval.objects.get().reason


def test_what_was_done_before_the_scan_began_says_nothing_about_what_it_found(
    town: Town, edge: Edge, look: Look, olu: Actor
) -> None:
    store_quarantine(edge, "skill", SKILL, "d1")
    store_scan(edge, "skill-scanner", SKILL, Found(), started_ago=BEGAN)
    look()
    Approval.objects.update(status="closed", outcome="denied")
    store_scan(edge, "skill-scanner", SKILL, Found())  # of another version in that folder
    look()
    newest = Scan.objects.order_by("-id")[0]
    assert (newest.digest, newest.done, newest.ask) == ("", "", "asked")


def test_a_request_about_something_untouched_says_nothing_of_the_kind(
    town: Town, edge: Edge, look: Look, olu: Actor
) -> None:
    store_own_measures(edge, "skill", "another", file="quarantine")
    store_scan(edge, "skill-scanner", SKILL, Found())
    look()
    assert "DefenseClaw" not in Approval.objects.get().reason


def test_the_empty_folder_that_the_gateway_makes_is_no_finding(
    town: Town, edge: Edge, look: Look, olu: Actor
) -> None:
    for rules in (("", ""), ("MANIFEST-MISSING", "PERM-NONE")):  # of the CLI, of the gateway
        store_scan(
            edge,
            "plugin-scanner",
            CACHE,
            Found(rules[0], "HIGH", "No plugin manifest found"),
            Found(rules[1], "LOW", "Plugin declares no permissions"),
        )
    look()
    assert not Finding.objects.exists()
    assert set(Scan.objects.values_list("severity", "ask")) == {("INFO", "none")}


def test_what_was_found_in_that_folder_is_over_once_it_is_empty_again(
    town: Town, edge: Edge, look: Look, olu: Actor
) -> None:
    store_scan(edge, "plugin-scanner", CACHE, Found())
    store_scan(
        edge, "plugin-scanner", CACHE, Found("PERM-NONE", "LOW", "Plugin declares no permissions")
    )
    look()
    assert Finding.objects.get().status == "replaced"


def test_anything_else_found_in_that_folder_asks(
    town: Town, edge: Edge, look: Look, olu: Actor
) -> None:
    missing = Found("MANIFEST-MISSING", "HIGH", "No plugin manifest found")
    store_scan(edge, "plugin-scanner", CACHE, Found(), missing)
    look()
    assert Approval.objects.get().target_name == "cache"


def test_other_content_under_that_name_asks_again(
    town: Town, edge: Edge, look: Look, olu: Actor
) -> None:
    copy = "/srv/alice/.claude/skills/other"
    store_quarantine(edge, "skill", SKILL, "d1")
    store_scan(edge, "skill-scanner", SKILL, Found(), started_ago=BEGAN)
    store_quarantine(edge, "skill", copy, "d2")
    store_scan(edge, "skill-scanner", copy, Found(), started_ago=BEGAN)
    look()
    assert Approval.objects.count() == 2


def test_what_was_there_at_first_asks_nobody_when_a_start_scans_it_again(
    town: Town, edge: Edge, olu: Actor, request: pytest.FixtureRequest
) -> None:
    store_quarantine(edge, "skill", SKILL, "d1")
    store_scan(edge, "skill-scanner", SKILL, Found(), started_ago=BEGAN)
    look: Look = request.getfixturevalue("look")  # reads edge-1 for the first time
    store_scan(edge, "skill-scanner", SKILL, Found(), started_ago=BEGAN)
    look()
    assert not Approval.objects.exists()
    assert set(Scan.objects.values_list("ask", flat=True)) == {"known"}
