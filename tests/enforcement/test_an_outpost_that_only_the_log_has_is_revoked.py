"""An admin revokes, with approval, an outpost whose row somebody deleted or altered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import SignedInSession
from approvals import clock
from approvals.errors import Refused
from approvals.models import Approval, Effect
from approvals.pipeline.service import perform
from audit.clock import uuid7
from audit.models import EventRow
from audit.recording.actors import SYSTEM, Actor, Target
from audit.recording.record import record
from audit.recording.stored_event_loader import load
from audit.sequencing import sequencer
from enforcement.models import Outpost, RevokedEnrolment
from enforcement.outposts import command_recipients, sealed_rows
from tests.enforcement.altered_outposts import TAKEN_OUT, hide, take_out
from tests.enforcement.answering import approve, deny, expire
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Town, known
from tests.enforcement.outpost_device import ENROL, Device, code, code_of

pytestmark = pytest.mark.django_db
EDGE = "edge-1"
THERE = Target("outpost", EDGE, EDGE)
SKILL = Target("skill", "pdf-exfil", EDGE)
PAGE = f"/enforcement/outposts/{EDGE}/revoke/"
FLEET = "/enforcement/fleet/"
BLOCKED = "someone wrote to the database"
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


def step() -> Effect:
    return Effect.objects.exclude(kind="gateway.stamp").latest("id")


def revoked_event() -> dict[str, Any]:
    found = EventRow.objects.filter(action="outpost.revoked").latest("event")
    said: dict[str, Any] = load(found.event)["data"]
    return said


def is_free() -> bool:
    return command_recipients.outpost_of(EDGE) is None and not command_recipients.by_instance()


def problems() -> str:
    return " ".join(one.message for one in command_recipients.problems())


@pytest.mark.parametrize("search_rows", ["kept", "deleted"])
@pytest.mark.parametrize("how", TAKEN_OUT)
def test_the_gateway_has_no_outpost_once_another_admin_approved(
    town: Town, device: Device, amir: Actor, olu: Actor, do_due: Work, how: str, search_rows: str
) -> None:
    take_out(how)
    if search_rows == "deleted":
        hide("outpost.key_enrolled")
    perform(olu, "skill.hold", SKILL)
    do_due()
    assert step().state == "pending" and BLOCKED in step().detail
    asked = ask(amir)
    assert asked.current is not None and asked.current.person.sub != amir.sub
    do_due()
    assert town.edges[EDGE].blocked() == {} and not is_free()
    approve(asked)
    assert is_free()
    do_due()
    assert step().state == "done" and "pdf-exfil" in town.edges[EDGE].blocked()
    assert code(device.send()).startswith(("401", "403"))
    said = revoked_event()
    assert (said["outpost"], said["gateway"]) == (device.id, EDGE)
    assert said["row"] == ("missing" if how in {"deleted", "moved"} else "altered")
    with pytest.raises(Refused, match="no outpost"):
        perform(amir, "outpost.revoke", THERE)


@pytest.mark.parametrize("how", ["deleted", "moved"])
def test_verification_goes_on_naming_the_missing_row(device: Device, amir: Actor, how: str) -> None:
    take_out(how)
    assert device.id in problems()
    approve(ask(amir))
    sequencer.run_once()
    says = "is not the one that was enrolled" if how == "deleted" else "was revoked and counts"
    assert f"the outpost {device.id} {says}" in problems()


def test_after_that_another_outpost_enrols_and_the_old_key_does_not(
    device: Device, amir: Actor, olu: Actor, do_due: Work
) -> None:
    take_out("deleted")
    approve(ask(amir))
    given = code_of(amir, EDGE)
    assert code(device.post(ENROL, device.enrolment(given))) == "403 enrolment_refused"
    other = Device(instance=EDGE)
    assert other.post(ENROL, other.enrolment(given)).status_code == 201
    perform(olu, "skill.hold", SKILL)
    do_due()
    assert [one["act"] for one in other.commands()] == ["hold"]
    assert list(command_recipients.problems()) == []


def test_a_revocation_of_a_sound_outpost_says_nothing_of_its_row(
    device: Device, amir: Actor
) -> None:
    approve(ask(amir))
    said = revoked_event()
    assert (said["outpost"], said["gateway"], "row" in said) == (device.id, EDGE, False)
    assert not RevokedEnrolment.objects.exists() and is_free()


def test_every_row_that_stands_for_the_outpost_is_revoked(device: Device, amir: Actor) -> None:
    """Somebody marked its row as revoked, and put one with their own key next to it."""
    Outpost.objects.update(revoked_at=clock.now())
    theirs, other = Outpost.objects.get(), Device(instance=EDGE)
    theirs.pk, theirs.public_key, theirs.revoked_at = other.id, other.public_key, None
    theirs.save(force_insert=True)
    approve(ask(amir))
    assert is_free() and not Outpost.objects.filter(revoked_at=None).exists()
    assert code(other.send()).startswith("403")


def forge(how: str) -> None:
    """What somebody who writes the database would do to have this without a decision."""
    operation = str(uuid7())
    if how != "a row":
        record(SYSTEM, "outpost.revoked", target=THERE, data={"gateway": EDGE, "row": "missing"})
        sequencer.run_once()
    if how == "an entry":
        return
    enrolment = sealed_rows.recorded(EDGE)[EDGE].operation
    row = RevokedEnrolment(
        instance=EDGE, enrolment=enrolment, operation=operation, revoked_at=clock.now()
    )
    if how == "both, with the seal of another gateway":
        row.instance = "edge-2"
        row.seal, row.instance = sealed_rows.seal(row), EDGE
    row.save(force_insert=True)


@pytest.mark.parametrize(
    "how", ["an entry", "a row", "both", "both, with the seal of another gateway"]
)
def test_nobody_who_writes_to_the_database_frees_the_gateway(
    town: Town, device: Device, amir: Actor, olu: Actor, do_due: Work, how: str
) -> None:
    take_out("deleted")
    forge(how)
    perform(olu, "skill.hold", SKILL)
    do_due()
    assert BLOCKED in step().detail and town.edges[EDGE].blocked() == {} and not is_free()
    assert device.id in problems()
    assert (how == "an entry") == ("no decision revoked an enrolment" not in problems())
    approve(ask(amir))
    assert is_free(), "a decision is written over what they wrote"
    assert "no decision revoked an enrolment" not in problems()


@pytest.mark.parametrize("how", ["deleted", "changed"])
def test_a_revocation_that_somebody_takes_back_in_the_database_blocks_again(
    device: Device, amir: Actor, how: str
) -> None:
    take_out("deleted")
    approve(ask(amir))
    if how == "deleted":
        RevokedEnrolment.objects.all().delete()
    else:
        RevokedEnrolment.objects.update(operation=str(uuid7()))
    assert not is_free()
    approve(ask(amir))
    assert is_free()


def test_an_older_row_put_back_after_that_is_refused_and_revoked_again(
    device: Device, amir: Actor
) -> None:
    before = Outpost.objects.get()
    take_out("deleted")
    approve(ask(amir))
    before.save(force_insert=True)
    assert not is_free() and code(device.fetch()) == "403 outpost_altered"
    assert f"{device.id} was revoked and counts again" in problems()
    approve(ask(amir))
    assert is_free() and code(device.fetch()) == "403 outpost_revoked"


def test_suspending_and_resuming_name_the_way_out(device: Device, amir: Actor) -> None:
    take_out("deleted")
    for verb in ("outpost.suspend", "outpost.resume"):
        with pytest.raises(Refused, match=r"Only the log still has .* can be revoked"):
            perform(amir, verb, THERE)


def test_the_page_asks_and_the_gateway_has_no_outpost_afterwards(
    device: Device, amir: Actor
) -> None:
    take_out("deleted")
    web = browser("admin", "admin", name="Amir Admin")
    shown = web.get(FLEET).content.decode()
    assert PAGE in shown and BLOCKED in shown
    page = web.get(PAGE).content.decode()
    assert "Only the log still has this outpost" in page and "suspends it at once" not in page
    answer = web.post(PAGE, {"reason": "its row is gone"})
    asked = Approval.objects.get(verb="outpost.revoke")
    assert answer.headers["Location"] == f"/approvals/{asked.pk}/"
    assert "counts as without an outpost" in asked.if_approved
    assert not EventRow.objects.filter(action="outpost.suspended").exists()
    assert PAGE in web.get(FLEET).content.decode(), "nothing is decided yet"
    approve(asked)
    shown = web.get(FLEET).content.decode()
    assert PAGE not in shown and BLOCKED not in shown
    assert web.get(PAGE).status_code == 404


def test_a_gateway_that_only_the_log_knows_is_shown_as_waiting_and_then_not_at_all(
    town: Town, amir: Actor
) -> None:
    """No file names it, so its outpost is the only way to it."""
    add_enrolment("edge-far")
    web = browser("admin", "admin", name="Amir Admin")
    shown = web.get(FLEET).content.decode()
    assert "Decisions wait while that gets no commands" in shown
    assert "Decisions reach it" not in shown
    there = Target("outpost", "edge-far", "edge-far")
    asked = perform(amir, "outpost.revoke", there, reason="nobody enrolled it").approval
    assert asked is not None
    approve(asked)
    assert "edge-far" not in web.get(FLEET).content.decode()


@pytest.mark.parametrize(
    ("who", "roles", "status"),
    [("", (), 302), ("operator", ("operator",), 403), ("auditor", ("auditor",), 403)],
)
def test_nobody_but_an_admin_reaches_the_page(
    device: Device, who: str, roles: tuple[str, ...], status: int
) -> None:
    take_out("deleted")
    client = browser(who, *roles) if who else browser("member1")
    if not who:
        client.logout()
    for send in (client.get, client.post):
        assert send(PAGE).status_code == status
    assert not Approval.objects.filter(verb="outpost.revoke").exists() and not is_free()


@pytest.mark.parametrize(("path", "status"), [(PAGE, 403), (PAGE.replace(EDGE, "edge-7"), 404)])
def test_a_form_without_its_token_and_a_gateway_without_an_outpost_are_refused(
    device: Device, amir: Actor, path: str, status: int
) -> None:
    take_out("deleted")
    client = browser("admin", "admin", csrf=status == 403)
    assert client.post(path, {"reason": "its row is gone"}).status_code == status
    assert not Approval.objects.filter(verb="outpost.revoke").exists() and not is_free()


def test_a_wrong_method_and_a_session_that_ended_decide_nothing(
    device: Device, amir: Actor
) -> None:
    take_out("deleted")
    client = browser("admin", "admin")
    for send in (client.put, client.patch, client.delete):
        assert send(PAGE).status_code == 405
    SignedInSession.objects.all().delete()
    answer = client.post(PAGE, {"reason": "its row is gone"})
    assert answer.status_code == 401
    assert not Approval.objects.filter(verb="outpost.revoke").exists() and not is_free()


@pytest.mark.parametrize("roles", [(), ("operator",), ("auditor",), ("operator", "auditor")])
@pytest.mark.parametrize(
    "verb", ["outpost.revoke", "outpost.enrol", "outpost.suspend", "outpost.resume"]
)
def test_nobody_but_an_admin_asks_by_any_verb_of_outposts(
    device: Device, roles: tuple[str, ...], verb: str
) -> None:
    take_out("deleted")
    with pytest.raises(Refused, match="needs the role admin"):
        perform(known("member1", *roles).as_actor(via="web"), verb, THERE)


@pytest.mark.parametrize("name", ["../x", "a b", "x" * 61, "-x", "edge-1\n"])
def test_a_name_that_no_gateway_has_is_refused(device: Device, amir: Actor, name: str) -> None:
    take_out("deleted")
    with pytest.raises(Refused):
        perform(amir, "outpost.revoke", Target("outpost", name))


@pytest.mark.parametrize("ended", ["denied", "expired"])
def test_a_request_that_is_denied_or_expires_leaves_the_gateway_blocked(
    town: Town, device: Device, amir: Actor, olu: Actor, do_due: Work, ended: str
) -> None:
    take_out("deleted")
    asked = ask(amir)
    closed = deny(asked) if ended == "denied" else expire(asked)
    assert closed.outcome == ended
    perform(olu, "skill.hold", SKILL)
    do_due()
    assert not is_free() and BLOCKED in step().detail and town.edges[EDGE].blocked() == {}
    assert not RevokedEnrolment.objects.exists()
    with pytest.raises(Refused, match="Only the log still has"):
        perform(amir, "outpost.suspend", THERE)


def test_two_admins_in_turn_free_the_gateway_once(device: Device, amir: Actor) -> None:
    """Both ask; the first answer counts, and ends the other's request."""
    anna = known("admin2", "admin", name="Anna Admin").as_actor(via="web")
    take_out("deleted")
    first, second = ask(amir), ask(anna)
    assert first.pk != second.pk
    approve(first)
    second.refresh_from_db()
    assert second.status == "closed" and second.outcome == "failed"
    assert EventRow.objects.filter(action="outpost.revoked").count() == 1
    assert RevokedEnrolment.objects.count() == 1 and is_free()


def test_an_outpost_that_enrols_meanwhile_is_not_the_one_that_was_to_be_revoked(
    device: Device, amir: Actor, olu: Actor, do_due: Work
) -> None:
    take_out("deleted")
    asked = ask(amir)
    other = Device(instance=EDGE).enrol(amir)
    approve(asked)
    asked.refresh_from_db()
    assert (asked.outcome, asked.outcome_code) == ("failed", "state_changed")
    perform(olu, "skill.hold", SKILL)
    do_due()
    assert [one["act"] for one in other.commands()] == ["hold"]


def add_enrolment(at: str = EDGE, *, operation: str = "", outpost: str = "a" * 32) -> None:
    """What somebody appends to the log who writes the database or has the log's key."""
    record(
        SYSTEM,
        "outpost.key_enrolled",
        target=Target("outpost", at, at),
        operation=operation or str(uuid7()),
        data={"outpost": outpost},
    )
    sequencer.run_once()


@pytest.mark.parametrize("outpost", ["a" * 32, "x" * 9000])
def test_an_enrolment_that_somebody_added_blocks_its_gateway_until_it_is_revoked(
    town: Town, amir: Actor, olu: Actor, do_due: Work, outpost: str
) -> None:
    add_enrolment(outpost=outpost)
    perform(olu, "skill.hold", SKILL)
    do_due()
    assert step().state == "pending" and BLOCKED in step().detail
    assert town.edges[EDGE].blocked() == {} and "is not the one that was enrolled" in problems()
    assert PAGE in browser("admin", "admin").get(FLEET).content.decode()
    approve(ask(amir))
    do_due()
    assert step().state == "done" and "pdf-exfil" in town.edges[EDGE].blocked() and is_free()
    assert revoked_event()["row"] == "missing" and "is not the one" in problems()
    add_enrolment(outpost=outpost)
    assert not is_free(), "each further one takes a further decision"


def test_an_enrolment_that_names_the_decision_of_another_gateway_blocks_only_its_own(
    device: Device, amir: Actor, olu: Actor, do_due: Work
) -> None:
    """What is read of one gateway alone and of all together is the same."""
    add_enrolment("edge-2", operation=Outpost.objects.get().operation, outpost=device.id)
    every = command_recipients.by_instance()
    assert set(every) == {EDGE, "edge-2"} and every[EDGE].id == device.id
    assert command_recipients.outpost_of("edge-2") is not None
    there = Target("outpost", "edge-2", "edge-2")
    asked = perform(amir, "outpost.revoke", there, reason="nobody enrolled it").approval
    assert asked is not None
    approve(asked)
    assert set(command_recipients.by_instance()) == {EDGE}
    perform(olu, "skill.hold", SKILL)
    do_due()
    assert [one["act"] for one in device.commands()] == ["hold"]
