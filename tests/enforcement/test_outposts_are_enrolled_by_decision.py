"""An outpost is enrolled with one code of an approved decision, suspended at once, then revoked."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings

from approvals import clock
from approvals.errors import NothingToDo, Refused
from approvals.models import Approval
from approvals.pipeline.service import perform
from audit.clock import uuid7
from audit.models import Event, EventRow
from audit.recording.actors import Actor, Target
from audit.recording.stored_event_loader import load
from enforcement.models import EnrolmentCode, Outpost
from enforcement.outposts import enrolment, trust_pinned_at_enrolment
from tests.enforcement.answering import approve, deny
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import known, sentences
from tests.enforcement.outpost_device import ENROL, INSTANCE, Device, code, code_of, rewrite

pytestmark = pytest.mark.django_db
OUTPOST = Target("outpost", INSTANCE)


@pytest.fixture(autouse=True)
def var_dir(tmp_path: Path, settings: LazySettings) -> None:
    settings.VAR_DIR = tmp_path


def admins() -> Actor:
    known("admin2", "admin", name="Anna Admin")
    return known("admin", "admin", name="Amir Admin").as_actor(via="web")


@pytest.fixture
def amir(db: None) -> Actor:
    """An admin, with a colleague who can approve."""
    return admins()


def test_another_admin_approves_and_the_code_is_shown_once(amir: Actor) -> None:
    asked = perform(amir, "outpost.enrol", OUTPOST).approval
    assert asked is not None and asked.current is not None
    assert asked.current.person.sub != amir.sub
    with pytest.raises(Refused, match="no code to show"):
        enrolment.issue(amir, asked.id)
    approve(asked)
    issued = enrolment.issue(amir, asked.id)
    assert issued.instance == INSTANCE and len(issued.code.replace("-", "")) == 26
    assert issued.pins_digest == trust_pinned_at_enrolment.digest(issued.pins)
    with pytest.raises(Refused, match="no code to show"):
        enrolment.issue(amir, asked.id)


def test_nobody_else_gets_the_code(amir: Actor) -> None:
    asked = perform(amir, "outpost.enrol", OUTPOST).approval
    assert asked is not None
    approve(asked)
    anna = known("admin2", "admin").as_actor(via="web")
    with pytest.raises(Refused, match="no code to show"):
        enrolment.issue(anna, asked.id)
    former = known("admin", "operator").as_actor(via="web")
    with pytest.raises(Refused, match="Only an admin"):
        enrolment.issue(former, asked.id)


def test_a_code_that_nobody_fetched_within_a_day_is_gone(amir: Actor) -> None:
    asked = perform(amir, "outpost.enrol", OUTPOST).approval
    assert asked is not None
    approve(asked)
    rewrite(EnrolmentCode, decided_at=clock.now() - timedelta(days=1))
    with pytest.raises(Refused, match="no code to show"):
        enrolment.issue(amir, asked.id)


def test_the_code_itself_is_stored_nowhere(amir: Actor) -> None:
    given = code_of(amir)
    assert Device().post(ENROL, Device().enrolment(given)).status_code == 401  # another key
    device = Device()
    assert device.post(ENROL, device.enrolment(given)).status_code == 201
    stored = repr(list(EnrolmentCode.objects.values())) + repr(list(Outpost.objects.values()))
    stored += "".join(bytes(event.entry).decode() for event in Event.objects.all())
    stored += repr([load(event.id) for event in Event.objects.all()])
    for text in (given, given.replace("-", "")):
        assert text not in stored


def test_an_enrolled_device_is_named_on_the_trail_and_its_person_stays_private(
    amir: Actor,
) -> None:
    device = Device()
    answer = device.post(ENROL, device.enrolment(code_of(amir)))
    said = json.loads(answer.content)
    assert (answer.status_code, said["outpost"], said["instance"]) == (201, device.id, INSTANCE)
    assert said["pins"]["vkeys"] and len(said["pins_digest"]) == 64
    row = EventRow.objects.get(action="outpost.key_enrolled")
    found = load(row.event)
    assert found["data"]["outpost"] == device.id
    assert found["data"]["public_key"] == device.public_key
    assert found["data"]["user"] == "mia-on-her-laptop"  # opened from its commitment
    entry = bytes(Event.objects.get(id=row.event).entry)
    for personal in (b"mia-on-her-laptop", b"mias-laptop", b"/usr/local/bin"):
        assert personal not in entry
    assert sentences("outpost.enrolled") == [
        f"Amir Admin decided to let an outpost enrol next to the gateway {INSTANCE}, "
        "approved by Anna Admin",
    ]
    both = EventRow.objects.filter(action__in=["outpost.enrolled", "outpost.key_enrolled"])
    assert len({event.operation for event in both}) == 1
    columns = repr(list(Outpost.objects.values()))
    assert "mia" not in columns


def _with(**header: Any) -> dict[str, Any]:
    return {"header": header}


def _with_key(**jwk: Any) -> dict[str, Any]:
    return _with(jwk={"kty": "OKP", "crv": "Ed25519", "x": "A" * 43} | jwk)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"proof": ""}, "missing"),
        ({"proof": "a.b.c"}, "malformed"),
        ({"htm": "GET"}, "other_request"),
        ({"htu": "http://elsewhere.example/v1/outposts/enrol"}, "other_request"),
        ({"body": "x" * 43}, "other_body"),
        ({"iat": 1}, "time"),
        ({"iat": 2**60}, "time"),
        ({"iat": True}, "malformed"),
        ({"iat": 1.5}, "malformed"),
        ({"jti": "short"}, "malformed"),
        ({"nonce": "more"}, "malformed"),
        (_with(alg="none"), "malformed"),
        (_with(alg="HS256"), "malformed"),
        (_with(typ="JWT"), "malformed"),
        (_with(kid="1"), "malformed"),
        (_with(jwk=1), "malformed"),
        (_with_key(kty="EC", crv="P-256"), "malformed"),
        (_with_key(crv="X25519"), "malformed"),
        (_with_key(x="A" * 42), "malformed"),
        (_with_key(d="A"), "malformed"),
        ({"key": Device().key}, "signature"),
    ],
)
def test_an_enrolment_without_a_right_proof_is_refused_and_uses_no_code(
    amir: Actor, other: dict[str, Any], reason: str
) -> None:
    device, given = Device(), code_of(amir)
    assert (
        code(device.post(ENROL, device.enrolment(given), **other)) == f"401 proof_refused {reason}"
    )
    assert device.post(ENROL, device.enrolment(given)).status_code == 201


def test_every_code_that_does_not_count_is_refused_alike(amir: Actor) -> None:
    device, given = Device(), code_of(amir)
    wrong = device.enrolment("-".join(["ABCD"] * 6) + "-AB")
    elsewhere = Device(instance="edge-8").enrolment(given, public_key=device.public_key)
    for body in (wrong, elsewhere):
        assert code(device.post(ENROL, body)) == "403 enrolment_refused"
    rewrite(EnrolmentCode, expires_at=clock.now())
    assert code(device.post(ENROL, device.enrolment(given))) == "403 enrolment_refused"
    rewrite(EnrolmentCode, expires_at=clock.now() + timedelta(minutes=1))
    assert device.post(ENROL, device.enrolment(given)).status_code == 201
    for again in (device, Device()):
        assert code(again.post(ENROL, again.enrolment(given))) == "403 enrolment_refused"
    assert Outpost.objects.count() == 1


def test_a_body_that_is_too_large_is_refused_before_it_is_read(amir: Actor) -> None:
    device = Device()
    body = device.enrolment(code_of(amir), host="h" * 600_000)
    assert code(device.post(ENROL, body)) == "413 too_large"


def test_a_gateway_with_an_outpost_gets_no_second_one(amir: Actor) -> None:
    second = code_of(amir)  # had before the first enrolled
    first = Device().enrol(amir)
    with pytest.raises(Refused, match="Revoke it before"):
        perform(amir, "outpost.enrol", OUTPOST)
    device = Device()
    assert code(device.post(ENROL, device.enrolment(second))) == "403 enrolment_refused"
    assert [one.id for one in Outpost.objects.all()] == [first.id]


@pytest.mark.parametrize("revoked", [False, True])
def test_an_enrolment_ends_the_other_rights_to_a_code_and_the_codes(
    amir: Actor, revoked: bool
) -> None:
    unused = code_of(amir)
    asked = perform(amir, "outpost.enrol", OUTPOST).approval
    assert asked is not None
    approve(asked)
    Device().enrol(amir)
    if revoked:
        revoke(amir)
    with pytest.raises(Refused, match="no code to show"):
        enrolment.issue(amir, asked.id)
    device = Device()
    assert code(device.post(ENROL, device.enrolment(unused))) == "403 enrolment_refused"


def test_a_revocation_ends_the_rights_that_were_approved_while_a_device_enrolled(
    amir: Actor,
) -> None:
    Device().enrol(amir)
    late = EnrolmentCode.objects.create(
        approval=uuid7(), operation=str(uuid7()), instance=INSTANCE, decided_at=clock.now()
    )
    elsewhere = code_of(amir, "edge-8")
    revoke(amir)
    assert not EnrolmentCode.objects.filter(pk=late.pk).exists()
    other = Device(instance="edge-8")
    assert other.post(ENROL, other.enrolment(elsewhere)).status_code == 201


@pytest.mark.parametrize("made", ["a code", "a code of an approved request"])
def test_a_code_that_somebody_wrote_into_the_database_enrols_nothing(
    amir: Actor, made: str
) -> None:
    """Without its seal, a row would enrol a device that nobody approved."""
    given = "-".join(["ABCD"] * 6)
    known_code = {
        "digest": enrolment.digest_of(given),
        "expires_at": clock.now() + timedelta(minutes=9),
    }
    if made == "a code":
        now = clock.now()
        EnrolmentCode.objects.create(
            approval=uuid7(),
            operation=str(uuid7()),
            instance=INSTANCE,
            decided_at=now,
            **known_code,
        )
    else:
        code_of(amir)
        EnrolmentCode.objects.update(**known_code)
    device = Device()
    assert code(device.post(ENROL, device.enrolment(given))) == "403 enrolment_refused"
    assert not Outpost.objects.exists()


def revoke(admin: Actor) -> None:
    asked = perform(admin, "outpost.revoke", OUTPOST, reason="stolen").approval
    assert asked is not None
    approve(asked)


@pytest.mark.parametrize("name", ["", "../x", "a b", "x" * 61, "-x"])
def test_an_outpost_is_for_a_gateway_that_has_a_name(amir: Actor, name: str) -> None:
    with pytest.raises(Refused):
        perform(amir, "outpost.enrol", Target("outpost", name))


def test_suspending_is_immediate_and_resuming_waits_for_another_admin(amir: Actor) -> None:
    Device().enrol(amir)
    done = perform(amir, "outpost.suspend", OUTPOST, reason="lost")
    assert done.approval is None and Outpost.objects.get().suspended_at is not None
    with pytest.raises(NothingToDo):
        perform(amir, "outpost.suspend", OUTPOST)
    asked = perform(amir, "outpost.resume", OUTPOST, reason="found").approval
    assert asked is not None and asked.current is not None
    assert asked.current.person.sub != amir.sub
    assert Outpost.objects.get().suspended_at is not None
    approve(asked)
    assert Outpost.objects.get().suspended_at is None


def test_a_denied_revocation_ends_no_suspension(amir: Actor) -> None:
    Device().enrol(amir)
    perform(amir, "outpost.suspend", OUTPOST, reason="lost")
    asked = perform(amir, "outpost.revoke", OUTPOST, reason="lost").approval
    assert asked is not None
    deny(asked)
    outpost = Outpost.objects.get()
    assert outpost.suspended_at is not None and outpost.revoked_at is None


def test_an_approved_revocation_is_final_and_frees_the_place(amir: Actor) -> None:
    first = Device().enrol(amir)
    asked = perform(amir, "outpost.revoke", OUTPOST, reason="stolen").approval
    assert asked is not None
    approve(asked)
    assert EventRow.objects.filter(action="outpost.revoked").count() == 1
    with pytest.raises(Refused, match="no outpost"):
        perform(amir, "outpost.revoke", OUTPOST)
    again = code_of(amir)
    assert code(first.post(ENROL, first.enrolment(again))) == "403 enrolment_refused"  # its old key
    device = Device()
    assert device.post(ENROL, device.enrolment(again)).status_code == 201


def test_operators_and_auditors_decide_on_no_outpost(amir: Actor) -> None:
    olu = known("operator", "operator", "auditor").as_actor(via="web")
    for act in ("enrol", "suspend", "resume", "revoke"):
        with pytest.raises(Refused):
            perform(olu, f"outpost.{act}", OUTPOST)


def test_the_pages_lead_from_the_request_to_the_code_which_is_shown_once(amir: Actor) -> None:
    web = browser("admin", "admin", name="Amir Admin")
    asked_page = web.post(
        "/enforcement/outposts/new/", {"name": INSTANCE, "reason": "a new laptop"}
    )
    asked = Approval.objects.get(verb="outpost.enrol")
    assert asked_page.headers["Location"] == f"/approvals/{asked.pk}/"
    page = f"/enforcement/outposts/{asked.pk}/code/"
    assert "There is no code to show" in web.get(page).content.decode()
    approve(asked)
    assert page in web.get(f"/approvals/{asked.pk}/").content.decode()
    assert "Show the code" in web.get(page).content.decode()
    shown = web.post(page)
    command = r"ata outpost enrol ([A-Z2-7-]{32}) --portal \S+ --instance edge-9"
    found = re.search(command, shown.content.decode())
    assert found is not None and "no-store" in shown.headers["Cache-Control"]
    assert "Run one command to enrol the outpost of edge-9</h1>" in shown.content.decode()
    again = web.post(page)
    assert again.status_code == 409 and found[1] not in again.content.decode()
    device = Device()
    assert device.post(ENROL, device.enrolment(found[1])).status_code == 201
    fleet = web.get("/enforcement/fleet/").content.decode()
    assert INSTANCE in fleet and "outpost never reported" in fleet
    own = web.get(f"/enforcement/fleet/{INSTANCE}/settings/").content.decode()
    assert "no report yet" in own and "Decisions reach it" in own
    assert f"/enforcement/outposts/{INSTANCE}/revoke/" in own
    web.post(f"/enforcement/outposts/{INSTANCE}/revoke/", {"reason": "stolen"})
    assert "suspended" in web.get("/enforcement/fleet/").content.decode()


def test_only_admins_see_the_pages_of_enrolment(amir: Actor) -> None:
    Device().enrol(amir)
    web = browser("operator", "operator")
    for page in ("new", f"{INSTANCE}/revoke", f"{uuid7()}/code"):
        assert web.get(f"/enforcement/outposts/{page}/").status_code == 403
    for page in ("/enforcement/fleet/", f"/enforcement/fleet/{INSTANCE}/settings/"):
        assert "Revoke" not in web.get(page).content.decode()
