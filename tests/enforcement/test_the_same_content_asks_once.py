"""A scan of the very same thing asks nobody again once a person decided about what it found."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import transaction

from approvals import clock
from approvals.models import Approval
from approvals.pipeline import deny_expire_cancel, locks
from audit.recording.actors import Actor
from enforcement.decisions import stored_decisions_and_holds
from enforcement.models import Scan
from tests.enforcement.answering import deny
from tests.enforcement.gateways import Edge, Town
from tests.enforcement.stored_scans import Found, store_scan, store_snapshot

Look = Callable[[], int]

pytestmark = pytest.mark.django_db

SKILL = "/srv/alice/.claude/skills/pdf-exfil"
COPY = "/srv/alice/.claude/skills/renamed"


def scanned(edge: Edge, look: Look, digest: str, *found: Found, at: str = SKILL) -> Scan:
    """A CRITICAL scan of a folder with this content, read and settled."""
    scan = store_scan(edge, "skill-scanner", at, *(found or (Found(),)))
    store_snapshot(edge, scan, "skill", at, digest)
    look()
    return Scan.objects.get(scan_id=scan)


@pytest.fixture
def denied(town: Town, edge: Edge, look: Look, olu: Actor) -> Approval:
    """The person who was asked about content d1 of skill pdf-exfil at edge-1 denied."""
    scanned(edge, look, "d1")
    return deny(Approval.objects.get())


def test_a_start_of_the_gateway_that_scans_it_again_asks_nobody(
    edge: Edge, look: Look, denied: Approval
) -> None:
    again = scanned(edge, look, "d1")
    assert (again.ask, again.approval) == ("known", str(denied.pk))
    assert Approval.objects.get() == denied


def test_the_same_digest_under_another_name_asks(edge: Edge, look: Look, denied: Approval) -> None:
    """Digests of DefenseClaw leave out symbolic links and whole folders, such as .git."""
    assert scanned(edge, look, "d1", at=COPY).ask == "asked"
    assert Approval.objects.get(status="pending").target_name == "renamed"
    assert stored_decisions_and_holds.holders_of("skill", "renamed", "")


def test_the_same_digest_at_another_gateway_asks(town: Town, look: Look, denied: Approval) -> None:
    assert scanned(town.edges["edge-2"], look, "d1").ask == "asked"
    assert stored_decisions_and_holds.holders_of("skill", "pdf-exfil", "")


def test_other_findings_in_the_same_digest_ask(edge: Edge, look: Look, denied: Approval) -> None:
    assert scanned(edge, look, "d1", Found(), Found(title="Runs a hidden file")).ask == "asked"
    assert stored_decisions_and_holds.holders_of("skill", "pdf-exfil", "")


def test_a_digest_of_an_mcp_server_is_of_its_entry_only_and_silences_nothing(
    town: Town, edge: Edge, look: Look, olu: Actor
) -> None:
    for _ in range(2):
        scan = store_scan(edge, "mcp-scanner", "notes", Found())
        store_snapshot(edge, scan, "mcp", "notes", "d1")
        look()
        deny(Approval.objects.get(status="pending"))
    assert Approval.objects.count() == 2
    assert set(Scan.objects.values_list("digest", flat=True)) == {""}


def test_content_that_joined_a_request_about_other_content_was_not_asked_about(
    edge: Edge, look: Look, town: Town, olu: Actor
) -> None:
    scanned(edge, look, "d1")
    assert scanned(edge, look, "d2").ask == "joined"
    deny(Approval.objects.get())
    look()
    assert [one.ask for one in Scan.objects.order_by("id")] == ["asked", "asked"]
    assert scanned(edge, look, "d2").ask == "joined", "its request waits"
    assert stored_decisions_and_holds.holders_of("skill", "pdf-exfil", "")


def test_a_request_that_nobody_answered_decided_nothing(
    edge: Edge, look: Look, town: Town, olu: Actor
) -> None:
    scanned(edge, look, "d1")
    while (waiting := Approval.objects.get()).status == "pending":
        with transaction.atomic():
            locked = locks.locked(waiting.pk)
            ask = locked.current
            assert ask is not None
            deny_expire_cancel.expire(locked, ask, source="clock", now=clock.now())
    assert waiting.outcome == "expired"
    assert scanned(edge, look, "d1").ask == "asked"
    assert Approval.objects.get(status="pending").held


def test_a_denial_that_is_only_inferred_decided_nothing(
    edge: Edge, look: Look, town: Town, olu: Actor
) -> None:
    scanned(edge, look, "d1")
    with transaction.atomic():
        first = locks.locked(Approval.objects.get().pk)
        ask = first.current
        assert ask is not None
        deny_expire_cancel.deny(
            first, ask, ask.person.as_actor(via="phone"), inferred=True, source="clock",
            now=clock.now(),
        )  # fmt: skip
    assert scanned(edge, look, "d1").ask == "asked"
    assert Approval.objects.get(status="pending").held
