"""One request per target: what joins it, what does not, and what happens when it is withdrawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from approvals import cancel_resend_confirm_denial, clock
from approvals.errors import Refused
from approvals.models import Approval
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from enforcement.audit_database import periodic_scan_import
from enforcement.findings import automatic_requests
from enforcement.models import Scan, Watch
from tests.enforcement.gateways import Edge, settle

pytestmark = pytest.mark.django_db
SKILL = Target("skill", "pdf-exfil")
Look = Callable[[], int]


def test_while_nothing_asks_nobody_claims_the_asking(edge: Edge, look: Look) -> None:
    def claimed() -> bool:
        """Whether a look moved on when the asking is due again, however long the look took."""
        due = clock.now()
        Watch.objects.update(due=due, probe_due=due)
        periodic_scan_import.poll_due()
        return Watch.objects.get(name="").due != due

    look()
    edge.scan("pdf-exfil", severity="HIGH")
    assert not claimed(), "an idle house would write to its disk every second"
    edge.scan("pdf-exfil")
    assert claimed()


def test_nobody_asks_a_second_time_while_a_critical_request_waits(
    edge: Edge, look: Look, olu: Actor
) -> None:
    edge.scan("pdf-exfil")
    look()
    with pytest.raises(Refused) as refused:
        perform(olu, "skill.block", SKILL, reason="me too")
    assert refused.value.code == "already_asked"
    assert str(Approval.objects.get().pk) in refused.value.detail


def test_a_milder_request_of_a_person_does_not_silence_a_critical_finding(
    edge: Edge, look: Look, olu: Actor
) -> None:
    edge.scan("pdf-exfil", severity="HIGH")
    look()
    perform(olu, "skill.block", SKILL, reason="HIGH is enough for me")
    edge.scan("pdf-exfil")
    look()
    asked = Approval.objects.order_by("created")
    assert [(a.severity, bool(a.requester_sub)) for a in asked] == [
        ("HIGH", True),
        ("CRITICAL", False),
    ]


def test_a_finding_that_joined_a_withdrawn_request_asks_by_itself(
    edge: Edge, look: Look, olu: Actor
) -> None:
    mine = perform(olu, "skill.block", SKILL, reason="sure", severity="CRITICAL").approval
    assert mine is not None
    edge.scan("pdf-exfil")
    edge.scan("pdf-exfil")
    look()
    assert set(Scan.objects.values_list("ask", flat=True)) == {"joined"}
    cancel_resend_confirm_denial.cancel(olu, str(mine.pk))
    look()
    asked = Approval.objects.get(status="pending")
    assert not asked.requester_sub and asked.held
    newest = Scan.objects.order_by("-id").first()
    assert newest is not None and newest.ask == "asked" and newest.approval == str(asked.pk)


def test_a_finding_that_joined_a_denied_request_asks_where_nobody_was_shown_it(
    edge: Edge, look: Look, olu: Actor
) -> None:
    mine = perform(olu, "skill.block", SKILL, reason="sure", severity="CRITICAL").approval
    assert mine is not None
    edge.scan("pdf-exfil")
    look()
    assert Scan.objects.get().ask == "joined"
    Approval.objects.update(status="closed", outcome="denied")
    look()
    asked = Approval.objects.get(status="pending")
    assert not asked.requester_sub and asked.held


@pytest.mark.parametrize(("title", "asks"), [("", False), ("Sends SSH keys to a stranger", True)])
def test_a_denial_is_about_the_findings_that_were_shown(
    edge: Edge, look: Look, title: str, asks: bool
) -> None:
    edge.scan("pdf-exfil")
    look()
    first = Approval.objects.get()
    edge.scan("pdf-exfil")
    look()
    assert [one.ask for one in Scan.objects.order_by("id")] == ["asked", "joined"]
    if title:
        Scan.objects.latest("id").found.update(title=title)
    Approval.objects.update(status="closed", outcome="denied")
    look()
    assert Approval.objects.exclude(pk=first.pk).filter(status="pending").exists() == asks


@pytest.mark.parametrize("outcome", ["approved", "expired"])
def test_scans_that_joined_a_request_are_settled_when_it_closes(
    edge: Edge, look: Look, olu: Actor, outcome: str
) -> None:
    mine = perform(olu, "skill.block", SKILL, reason="sure", severity="CRITICAL").approval
    assert mine is not None
    edge.scan("pdf-exfil")
    edge.scan("pdf-exfil")
    look()
    assert set(Scan.objects.values_list("ask", flat=True)) == {"joined"}
    assert not automatic_requests.waits(), "nothing can be settled while the request waits"
    Approval.objects.update(status="closed", outcome=outcome)
    assert automatic_requests.waits()
    look()
    settled = set(Scan.objects.values_list("ask", "approval"))
    assert settled == {("asked", str(mine.pk))}
    assert not automatic_requests.waits()
    assert Approval.objects.count() == 1


def test_joined_scans_are_settled_in_the_order_in_which_they_were_found(
    edge: Edge, look: Look, olu: Actor
) -> None:
    names = ["pdf-exfil", "csv-cleaner", "notes"]
    for name in names:
        perform(olu, "skill.block", Target("skill", name), reason="sure", severity="CRITICAL")
    for name in reversed(names):
        edge.scan(name)
    look()
    Approval.objects.update(status="closed", outcome="cancelled")
    assert [a.target_name for a in automatic_requests._closed_requests()] == names[::-1]


def test_a_very_long_name_still_makes_one_request_a_scan(edge: Edge, look: Look) -> None:
    edge.scan("n" * 199)
    look()
    assert len(Approval.objects.get().folded) <= 200


@pytest.mark.parametrize("scans", [("CRITICAL", "INFO"), ("INFO",)], ids=["found", "never scanned"])
def test_a_clean_scan_keeps_no_approved_block_from_being_committed(
    edge: Edge, look: Look, olu: Actor, scans: Sequence[str]
) -> None:
    from approvals.pipeline.recheck import no_longer_true

    for severity in scans[:-1]:
        edge.scan("pdf-exfil", severity=severity)
        look()
    if not Approval.objects.exists():
        perform(olu, "skill.block", SKILL, reason="sure", severity="HIGH")
    approval = Approval.objects.get()
    assert no_longer_true(approval) == ""
    edge.scan("pdf-exfil", severity=scans[-1])
    look()
    assert no_longer_true(approval) == ""


def test_a_graver_scan_voids_a_request_to_block(edge: Edge, look: Look, olu: Actor) -> None:
    from approvals.pipeline.recheck import no_longer_true

    perform(olu, "skill.block", SKILL, reason="sure", severity="HIGH")
    approval = Approval.objects.get()
    edge.scan("pdf-exfil", severity="CRITICAL")
    look()
    assert no_longer_true(approval) == "state_changed"


@pytest.mark.parametrize("act", ["allow", "unblock"])
def test_a_gateway_that_is_excepted_from_a_block_of_all_asks_and_holds(
    edge: Edge, look: Look, olu: Actor, act: str
) -> None:
    settle(olu, SKILL, "block")
    settle(olu, Target("skill", "pdf-exfil", edge.name), act)
    edge.scan("pdf-exfil")
    look()
    assert Scan.objects.get().ask == "asked"
    asked = Approval.objects.get(status="pending")
    assert not asked.requester_sub and asked.held
