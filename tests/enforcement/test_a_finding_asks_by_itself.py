"""A CRITICAL finding asks a person by itself; what each answer does, over a real local tenant."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from django.conf import LazySettings

from approvals.models import Approval, Ask
from audit.models import EventRow
from enforcement.models import Asset, Finding, Scan
from enforcement.views.requester_and_approver import requested_and_approved
from tests.enforcement.gateways import Edge, Town, known, sentences
from tests.support.sign_in import SUBS
from tests.support.tenant import LocalTenant
from tests.tenant.actors import Phone

pytestmark = pytest.mark.django_db
Look = Callable[[], int]
Do = Callable[[], None]


Answer = Callable[[str, str], None]


@pytest.fixture
def answer(asked_at: LocalTenant, do_due: Do) -> Iterator[Answer]:
    """Somebody answers the newest ask on their phone, and the portal learns of it."""
    browser = asked_at.browser()

    def on_phone(who: str, word: str) -> None:
        ask = Ask.objects.get(state="waiting", person__sub=SUBS[who])
        Phone(browser, who).pick_up()
        page = browser.get(f"/phone/{SUBS[who]}/")
        card = next(c for c in page.text.split("<article")[1:] if ask.code in c)
        action = re.search(r'formaction="([^"]+)"' if word == "deny" else r'action="([^"]+)"', card)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', card)
        assert action and token
        browser.http.post(
            action[1],
            data={"csrfmiddlewaretoken": token[1], "reason": ""},
            headers={"Referer": str(page.url), "Origin": browser.url},
        )
        deadline = time.monotonic() + 40
        while ask.state == "waiting" and time.monotonic() < deadline:
            time.sleep(0.1)
            do_due()
            ask.refresh_from_db()
        do_due()

    yield on_phone
    browser.http.close()


@pytest.fixture
def on_call(asked_at: LocalTenant) -> None:
    """Olu is asked first, then Oona."""
    for place, (who, name) in enumerate(
        [("operator", "Olu Operator"), ("operator2", "Oona Operator")]
    ):
        person = known(who, "operator", name=name, iss=asked_at.issuer)
        person.on_call = place
        person.save()


def asked(edge: Edge, look: Look, do_due: Do, name: str = "pdf-exfil") -> Approval:
    """A CRITICAL scan arrived and somebody was asked."""
    edge.scan(name)
    assert look() == 1
    do_due()
    return Approval.objects.get(target_name=name, status="pending")


def test_the_item_is_held_everywhere_while_a_person_is_asked(
    town: Town, edge: Edge, look: Look, do_due: Do, on_call: None
) -> None:
    approval = asked(edge, look, do_due)
    assert approval.severity == "CRITICAL" and not approval.requester_sub and approval.held
    assert approval.sentence == "Block skill pdf-exfil on all gateways"
    for each in town.edges.values():
        assert each.blocked()["pdf-exfil"].startswith(
            f"ATA hold {approval.pk} until decided or released"
        )
    assert sentences("skill.held")[0] == (
        "Auth0-ATA decided to hold skill pdf-exfil at 2 gateways pending a decision"
    )
    opened = sentences("finding.opened")
    assert opened and all("edge-1 found “" in s and "in skill pdf-exfil" in s for s in opened)
    assert Finding.objects.filter(status="open").count() == len(opened)


def test_approval_blocks_it_with_the_operators_identity(
    town: Town, edge: Edge, look: Look, do_due: Do, on_call: None, answer: Answer
) -> None:
    approval = asked(edge, look, do_due)
    answer("operator", "approve")
    approval.refresh_from_db()
    assert (approval.outcome, approval.held) == ("approved", False)
    asset = Asset.objects.get(name="pdf-exfil")
    assert (asset.standing, asset.decided_by) == ("block", "Olu Operator")
    assert requested_and_approved([asset]) == {
        asset.pk: "requested automatically, approved by Olu Operator"
    }
    for each in town.edges.values():
        assert each.blocked()["pdf-exfil"].startswith(f"[ATA {approval.operation}.")
    read = sentences("skill.blocked")
    assert any(
        one.startswith("edge-2 acknowledged the block of skill pdf-exfil (by Olu Operator")
        for one in read
    )
    decided = EventRow.objects.get(action="skill.blocked", outcome="pending")
    assert decided.human == "H2"


def test_denial_ends_the_hold_and_logs_an_override_with_the_name(
    town: Town, edge: Edge, look: Look, do_due: Do, on_call: None, answer: Answer
) -> None:
    approval = asked(edge, look, do_due)
    answer("operator", "deny")
    approval.refresh_from_db()
    assert (approval.outcome, approval.inferred) == ("denied", False)
    assert all(not each.blocked() for each in town.edges.values())
    assert sentences("skill.override_logged") == [
        "Olu Operator denied the automatic block of skill pdf-exfil, recorded as an override"
    ]
    assert not sentences("skill.blocked") and not sentences("skill.allowed")
    assert not edge.rows("SELECT 1 FROM actions WHERE target_name = 'pdf-exfil'")
    assert Asset.objects.get(name="pdf-exfil").standing == "none"


def test_a_hold_that_somebody_replaced_is_left_when_the_ask_is_denied(
    town: Town, edge: Edge, look: Look, do_due: Do, on_call: None, answer: Answer
) -> None:
    asked(edge, look, do_due)
    edge.block("skill", "pdf-exfil", "blocked at the gateway")
    answer("operator", "deny")
    assert edge.blocked() == {"pdf-exfil": "blocked at the gateway"}
    assert not town.edges["edge-2"].blocked()
    assert ("edge-1 kept skill pdf-exfil blocked: the block there was not our hold") in sentences(
        "skill.released"
    )


def test_when_nobody_answers_the_next_is_asked_and_then_the_hold_stays(
    edge: Edge, look: Look, do_due: Do, on_call: None, settings: LazySettings
) -> None:
    settings.STEP_UP_EXPIRY_S = 4  # enough to be asked in on a busy machine
    approval = asked(edge, look, do_due)
    settings.STEP_UP_EXPIRY_S = 1
    deadline = time.monotonic() + 60
    while approval.status == "pending" and time.monotonic() < deadline:
        time.sleep(0.3)
        do_due()
        approval.refresh_from_db()
    assert approval.outcome == "expired" and approval.held
    assert [a.person.name for a in Ask.objects.order_by("number")] == [
        "Olu Operator",
        "Oona Operator",
    ]
    assert edge.blocked()["pdf-exfil"].startswith("ATA hold ")
    assert not sentences("skill.blocked") and not sentences("skill.released")


def test_a_half_written_scan_of_the_far_future_holds_up_no_other(
    edge: Edge, look: Look, do_due: Do, on_call: None
) -> None:
    look()
    with closing(sqlite3.connect(edge.database)) as database, database:
        database.execute(
            "INSERT INTO scan_results (id, scanner, target, timestamp, finding_count, max_severity)"
            " VALUES ('odd', 'skill-scanner', '/x/skills/odd', '9998-12-31T00:00:00Z', 2, 'LOW')"
        )
    edge.scan("pdf-exfil")
    assert look() == 2
    do_due()
    assert Approval.objects.get(status="pending").target_name == "pdf-exfil"
    assert Scan.objects.filter(scan_id="odd").exists()


def test_a_storm_about_one_target_makes_one_request(
    town: Town, edge: Edge, look: Look, do_due: Do, on_call: None, answer: Answer
) -> None:
    approval = asked(edge, look, do_due)
    edge.scan("pdf-exfil")
    town.edges["edge-2"].scan("pdf-exfil")
    assert look() == 2
    do_due()
    assert Approval.objects.count() == 1
    joined = Scan.objects.filter(ask="joined").values_list("approval", flat=True)
    assert list(joined) == [str(approval.pk)] * 2
    answer("operator", "approve")  # what joined is as grave, so the answer still holds
    approval.refresh_from_db()
    assert approval.outcome == "approved"
    edge.scan("pdf-exfil")
    look()
    assert Approval.objects.count() == 1
    assert Scan.objects.filter(ask="blocked").count() == 1


def test_what_was_stored_before_the_first_look_asks_nobody(
    town: Town, edge: Edge, db: None
) -> None:
    from enforcement.audit_database import periodic_scan_import

    edge.scan("old-skill")
    edge.scan("old-skill", severity="HIGH")
    periodic_scan_import.poll_due()
    assert not Approval.objects.exists() and not sentences("finding.opened")
    assert Scan.objects.get(name="old-skill").severity == "HIGH"


def test_a_purged_database_is_read_again_without_asking_about_history(
    edge: Edge, look: Look, do_due: Do, on_call: None
) -> None:
    edge.scan("old-skill", severity="HIGH")
    look()
    edge.purge()
    look()
    assert look() == 0
    asked(edge, look, do_due, name="new-skill")


def test_a_row_of_the_far_future_makes_no_later_scan_history(
    edge: Edge, look: Look, do_due: Do, on_call: None
) -> None:
    look()
    with closing(sqlite3.connect(edge.database)) as database, database:
        database.execute(
            "INSERT INTO scan_results (id, scanner, target, timestamp, finding_count, max_severity)"
            " VALUES ('odd', 'skill-scanner', '/x/skills/odd', '9998-12-31T00:00:00Z', 0, 'INFO')"
        )
    look()
    edge.purge()
    asked(edge, look, do_due, name="new-skill")


def test_only_critical_scans_ask(edge: Edge, look: Look, db: None) -> None:
    edge.scan("notes", severity="HIGH")
    assert look() == 1
    assert sentences("finding.opened") and not Approval.objects.exists()


def test_with_nobody_to_ask_it_is_held_and_waits(edge: Edge, look: Look, do_due: Do) -> None:
    edge.scan("pdf-exfil")
    look()
    do_due()
    approval = Approval.objects.get()
    assert approval.status == "pending" and not approval.asks.exists()
    assert edge.blocked()["pdf-exfil"].startswith("ATA hold ")
