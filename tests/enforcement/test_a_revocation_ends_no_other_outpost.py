"""What an admin revokes, with approval, is one outpost: never the one that enrols after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from approvals import clock
from approvals.models import Approval, Effect
from approvals.pipeline.service import perform
from audit.recording.actors import SYSTEM, Actor, Target
from audit.recording.record import record
from audit.sequencing import sequencer
from enforcement.models import EnrolmentCode, Outpost, RevokedEnrolment
from enforcement.outposts import command_recipients, enrolment
from tests.enforcement.altered_outposts import take_out
from tests.enforcement.answering import approve
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Town, known
from tests.enforcement.outpost_device import ENROL, Device, code

pytestmark = pytest.mark.django_db
EDGE = "edge-1"
THERE = Target("outpost", EDGE, EDGE)
SKILL = Target("skill", "pdf-exfil", EDGE)
Work = Callable[[], None]


@pytest.fixture
def amir(db: None) -> Actor:
    known("admin2", "admin", name="Anna Admin")
    return known("admin", "admin", name="Amir Admin").as_actor(via="web")


@pytest.fixture
def device(town: Town, amir: Actor) -> Device:
    """The outpost of edge-1, whose enrolment has its entry in the log."""
    enrolled = Device(instance=EDGE).enrol(amir)
    sequencer.run_once()
    return enrolled


def ask(admin: Actor, verb: str = "outpost.revoke") -> Approval:
    asked = perform(admin, verb, THERE, reason="its row is gone").approval
    assert asked is not None
    return asked


def asked_before_another_enrols(admin: Actor) -> tuple[Outpost, Approval]:
    """The outpost's row, and a request to revoke it after which another outpost enrolled."""
    before = Outpost.objects.get()
    take_out("deleted")
    given = enrolment.issue(admin, approve(ask(admin, "outpost.enrol")).id).code
    before.save(force_insert=True)
    asked = ask(admin)
    Outpost.objects.all().delete()
    other = Device(instance=EDGE)
    assert other.post(ENROL, other.enrolment(given)).status_code == 201
    sequencer.run_once()
    return before, asked


def append(action: str, operation: str = "", **data: Any) -> None:
    """What somebody who writes the database adds to the log."""
    record(SYSTEM, action, target=THERE, operation=operation, data=data)
    sequencer.run_once()


def held_past_outposts(town: Town, olu: Actor, do_due: Work) -> bool:
    perform(olu, "skill.hold", SKILL)
    do_due()
    step = Effect.objects.exclude(kind="gateway.stamp").latest("id")
    return step.state == "done" or "pdf-exfil" in town.edges[EDGE].blocked()


def test_a_row_that_names_a_waiting_enrolment_is_not_sealed_by_a_revocation(
    town: Town, device: Device, amir: Actor, olu: Actor, do_due: Work
) -> None:
    """The decision of a waiting request is in its row, so somebody who writes the database knows
    it before the outpost enrols."""
    take_out("deleted")
    waiting = ask(amir, "outpost.enrol")
    Outpost(
        id="f" * 32, public_key="A" * 43, instance=EDGE,
        operation=waiting.operation, enrolled_at=clock.now(),
    ).save(force_insert=True)  # fmt: skip
    approve(ask(amir))
    theirs = Outpost.objects.get()
    theirs.delete()
    given = enrolment.issue(amir, approve(waiting).id).code
    other = Device(instance=EDGE)
    assert other.post(ENROL, other.enrolment(given)).status_code == 201
    assert other.commands() == [], "it is taken for what it is"
    sequencer.run_once()

    Outpost.objects.all().delete()
    theirs.pk = "f" * 32
    theirs.save(force_insert=True)
    append("outpost.revoked", gateway=EDGE)
    assert command_recipients.outpost_of(EDGE) is not None
    assert not held_past_outposts(town, olu, do_due)


def test_an_approval_for_one_outpost_ends_no_enrolment_after_it(
    town: Town, device: Device, amir: Actor, olu: Actor, do_due: Work
) -> None:
    before, asked = asked_before_another_enrols(amir)

    Outpost.objects.all().delete()
    before.save(force_insert=True)
    approve(asked)
    asked.refresh_from_db()
    assert (asked.outcome, asked.outcome_code) == ("failed", "state_changed")
    assert not RevokedEnrolment.objects.exists()
    assert not held_past_outposts(town, olu, do_due)


def test_a_decision_that_enrolled_by_the_log_enrols_nobody_else(
    town: Town, device: Device, amir: Actor, olu: Actor, do_due: Work
) -> None:
    """Somebody wrote an entry that names the decision of a code, had it revoked, and put the code
    back."""
    take_out("deleted")
    allowed = approve(ask(amir, "outpost.enrol"))
    right = EnrolmentCode.objects.get(used_at=None)
    append("outpost.key_enrolled", right.operation, outpost="a" * 32)
    approve(ask(amir))
    right.save(force_insert=True)
    given = enrolment.issue(amir, allowed.id).code
    other = Device(instance=EDGE)
    answer = other.post(ENROL, other.enrolment(given))
    assert code(answer) == "403 enrolment_refused"


def test_who_approves_reads_that_the_log_has_another_outpost_than_the_row(
    town: Town, device: Device, amir: Actor
) -> None:
    before = Outpost.objects.get()
    take_out("deleted")
    Device(instance=EDGE).enrol(amir)
    Outpost.objects.all().delete()
    before.save(force_insert=True)
    web = browser("admin", "admin", name="Amir Admin")
    path = f"/enforcement/outposts/{EDGE}/revoke/"
    assert "Only the log still has this outpost" in web.get(path).content.decode()
    web.post(path, {"reason": "its row is gone"})
    asked = Approval.objects.get(verb="outpost.revoke")
    assert "counts as without an outpost" in asked.if_approved
    approve(asked)
    assert command_recipients.outpost_of(EDGE) is None


def test_an_approval_for_a_row_ends_no_later_enrolment_whose_row_bears_its_name(
    town: Town, device: Device, amir: Actor
) -> None:
    before, asked = asked_before_another_enrols(amir)
    Outpost.objects.update(id=before.id)
    approve(asked)
    asked.refresh_from_db()
    assert (asked.outcome, asked.outcome_code) == ("failed", "state_changed")
    assert command_recipients.outpost_of(EDGE) is not None
