"""The doors in a browser: who gets in, what a form may carry, what the pages say."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client

from accounts.models import SignedInSession
from approvals.models import Approval, Passkey
from approvals.passkeys import assertions, relying_party
from audit.clock import now
from audit.recording.actors import Actor
from tests.accounts.trail import events
from tests.approvals.asking import fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import acting
from tests.passkeys.devices import (
    answer,
    answered_by,
    approver_key,
    ask,
    confirmation,
    device,
    enrol,
    key_of,
    say,
)
from tests.support.authenticator import Authenticator
from tests.support.pages import signed_in

NEW = "/account/passkeys/new/"
MINE = {"operator": "operator", "operator2": "operator", "admin": "admin", "auditor": "auditor"}


def browser(who: str, **more: Any) -> Client:
    """Somebody signed in a moment ago with two factors."""
    return signed_in(who, *([MINE[who]] if who in MINE else []), **more)


def options(page: Any) -> dict[str, Any]:
    """What the page asks the authenticator, for an approval where it offers one."""
    found = re.findall(r'data-options="([^"]+)"', page.content.decode())
    assert found, page.content.decode()[:2000]
    return dict(json.loads(unescape(found[-1])))


def challenge_of(page: Any) -> bytes:
    """The challenge on the page."""
    return relying_party.unb64url(options(page)["challenge"])


def enrol_in(client: Client, at: Authenticator, name: str = "Laptop") -> Any:
    """Open the page, answer the device, send the form."""
    made = at.register(challenge_of(client.get(NEW)))
    return client.post(NEW, {"name": name, "credential": json.dumps(made)}, follow=True)


def said(page: Any) -> str:
    """The words of a page."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.content.decode())))


def test_a_passkey_is_made_named_and_listed() -> None:
    client, at = browser("operator"), device()
    page = enrol_in(client, at, "Olu’s\u202e laptop")
    assert "was enrolled for your own requests" in said(page)
    listed = said(client.get("/account/"))
    assert "Olu’s⟨U+202E⟩ laptop" in listed
    assert "your own requests only" in listed and "built into a device" in listed
    (event,) = events("passkey.enrolled")
    assert event["via"] == "web" and event["session"]


def test_a_challenge_is_good_for_one_try_in_one_session() -> None:
    client, at = browser("operator"), device()
    first = challenge_of(client.get(NEW))
    wrong = {"name": "x", "credential": json.dumps(at.register(b"0" * 32))}
    assert "No passkey was enrolled" in said(client.post(NEW, wrong, follow=True))
    late = {"name": "x", "credential": json.dumps(at.register(first))}
    assert "No passkey was enrolled" in said(client.post(NEW, late, follow=True))
    stolen = challenge_of(client.get(NEW))
    other = browser("operator2")
    other.get(NEW)
    body = {"name": "x", "credential": json.dumps(at.register(stolen))}
    assert "No passkey was enrolled" in said(other.post(NEW, body, follow=True))
    assert not Passkey.objects.exists()
    assert [e["data"]["failure"] for e in events("passkey.refused")] == ["wrong_ceremony"] * 3


def test_an_old_page_enrols_nothing() -> None:
    client, at = browser("operator"), device()
    made = at.register(challenge_of(client.get(NEW)))
    session = client.session
    given, _ = session["passkey_ceremony"]
    session["passkey_ceremony"] = [given, (now() - timedelta(minutes=11)).isoformat()]
    session.save()
    assert b64decode(given)
    page = client.post(NEW, {"name": "x", "credential": json.dumps(made)}, follow=True)
    assert "too old" in said(page) and not Passkey.objects.exists()


def test_the_same_credential_is_not_enrolled_for_somebody_else_and_that_is_an_event() -> None:
    at = device()
    enrol_in(browser("operator"), at)
    page = enrol_in(browser("operator2"), at)
    assert "was enrolled before" in said(page)
    assert key_of(at).person.name == "Olu Operator"
    (event,) = events("passkey.refused")
    assert (event["data"]["failure"], event["outcome"]) == ("already_enrolled", "failure")


def test_devices_that_hold_a_key_already_are_left_out() -> None:
    client, at = browser("operator"), device()
    enrol_in(client, at)
    assert [one["id"] for one in options(client.get(NEW))["excludeCredentials"]] == [at.id]


@pytest.mark.parametrize("body", ["", "[]", "{", '"x"', "{}", "[" * 5000, "x" * 70_000])
def test_any_other_body_enrols_nothing(body: str) -> None:
    client = browser("operator")
    client.get(NEW)
    page = client.post(NEW, {"name": "x", "credential": body}, follow=True)
    assert page.status_code == 200 and "No passkey was enrolled" in said(page)


def _made_stale(client: Client) -> None:
    SignedInSession.objects.update(auth_time=now() - timedelta(minutes=11))


def _one_factor(client: Client) -> None:
    SignedInSession.objects.update(amr=["pwd"])


@pytest.mark.parametrize("weaken", [_made_stale, _one_factor])
@pytest.mark.parametrize("which", ["new", "approver", "revoke"])
def test_what_lets_a_key_count_needs_a_fresh_sign_in_with_two_factors(
    weaken: Any, which: str
) -> None:
    theirs = enrol(acting("operator2", "operator"))
    admin = browser("admin")
    mine = enrol(acting("admin", "admin"))
    handles = {"approver": key_of(mine).handle, "revoke": key_of(theirs).handle}
    path = NEW if which == "new" else f"/account/passkeys/{handles[which]}/{which}/"
    weaken(admin)
    page = admin.get(path)
    assert page.status_code == 302 and "fresh=" in page["Location"]
    posted = admin.post(path, {"reason": "lost"})
    assert posted.status_code == 401
    assert posted.json()["code"] == "fresh_sign_in_required"
    assert Approval.objects.count() == 0
    assert key_of(theirs).revoked_at is None


def test_ones_own_key_is_revoked_by_one_click_in_any_session() -> None:
    client, at = browser("operator"), device()
    enrol_in(client, at)
    _made_stale(client)
    page = client.post(f"/account/passkeys/{key_of(at).handle}/revoke/", follow=True)
    assert "was revoked" in said(page)
    assert key_of(at).revoked_at is not None


def test_an_admin_revokes_with_a_reason() -> None:
    at = enrol(acting("operator", "operator"))
    admin, path = browser("admin"), f"/account/passkeys/{key_of(at).handle}/revoke/"
    assert "Olu Operator’s passkey" in said(admin.get(path))
    assert "Say why" in said(admin.post(path, {"reason": " "}, follow=True))
    assert "was revoked" in said(admin.post(path, {"reason": "left us"}, follow=True))
    (event,) = events("passkey.revoked")
    assert (event["reason"], event["data"]["own"]) == ("left us", False)


def test_somebody_elses_key_is_not_there_to_touch() -> None:
    at = enrol(acting("operator", "operator"))
    handle = key_of(at).handle
    for who in ("operator2", "auditor", "member1"):
        client = browser(who)
        assert client.post(f"/account/passkeys/{handle}/revoke/").status_code == 404
        assert client.post(f"/account/passkeys/{handle}/name/", {"name": "x"}).status_code == 404
        assert client.post(f"/account/passkeys/{handle}/approver/").status_code == 404
    assert (key_of(at).name, key_of(at).revoked_at) == ("Laptop", None)


def test_a_key_is_renamed_by_its_owner() -> None:
    client, at = browser("operator"), device()
    enrol_in(client, at)
    path = f"/account/passkeys/{key_of(at).handle}/name/"
    assert "was renamed to Blue key" in said(
        client.post(path, {"name": "  Blue   key "}, follow=True)
    )
    assert key_of(at).name == "Blue key"
    assert "Give it a name" in said(client.post(path, {"name": "  "}, follow=True))
    assert key_of(at).name == "Blue key"


def test_the_confirmation_is_asked_for_on_the_page_and_shown_while_it_waits() -> None:
    acting("operator2", "operator")
    client, at = browser("operator"), device()
    enrol_in(client, at)
    path = f"/account/passkeys/{key_of(at).handle}/approver/"
    assert f"They are shown {relying_party.short(key_of(at).handle)}" in said(client.get(path))
    asked = client.post(path)
    assert asked["Location"].startswith("/approvals/")
    assert "confirmation asked" in said(client.get("/account/"))
    assert say(Approval.objects.get(), "approve") == ""
    assert "what others ask for, too" in said(client.get("/account/"))
    assert client.get(path).status_code == 404


def test_everybodys_keys_and_the_trust_file_are_for_those_who_look_after_them() -> None:
    at = enrol(acting("operator", "operator"))
    for who in ("auditor", "operator2", "admin"):
        client = browser(who)
        assert "Olu Operator" in said(client.get("/account/passkeys/"))
        told = client.get("/account/passkeys/trust-file/")
        assert "attachment" in told["Content-Disposition"]
        assert told.json()["passkeys"][0]["id"] == at.id
    member = browser("member1")
    assert member.get("/account/passkeys/").status_code == 403
    assert member.get("/account/passkeys/trust-file/").status_code == 403


def test_the_list_of_passkeys_leads_with_how_many_count_and_for_whom(
    olu: Actor, oona: Actor
) -> None:
    auditor = browser("auditor")

    def title() -> str:
        return auditor.get("/account/passkeys/").content.decode().partition("<h1>")[2]

    assert title().startswith("No passkey counts</h1>")
    enrol(olu)
    assert title().startswith("1 passkey counts, only for requests of its owner</h1>")
    enrol(olu)
    assert title().startswith("2 passkeys count, only for requests of their owners</h1>")
    Passkey.objects.update(approver_since=now())
    assert title().startswith("2 passkeys count, 2 also for what others ask for</h1>")
    Passkey.objects.update(revoked_at=now())
    assert title().startswith("No passkey counts</h1>")


# --- answering ---


@pytest.fixture
def hers(lamps: Lamps, olu: Actor, oona: Actor) -> Authenticator:
    """Oona's confirmed device, and a policy that takes passkeys from then on."""
    made = approver_key(oona)
    answered_by("passkey")
    return made


def post(client: Client, approval: Approval, credential: Any, decision: str = "approve") -> Any:
    """Send the form of the page."""
    body = {"decision": decision, "credential": json.dumps(credential)}
    return client.post(f"/approvals/{approval.id}/passkey/", body)


def test_the_page_says_what_is_signed_and_takes_the_answer(olu: Actor, hers: Authenticator) -> None:
    approval = ask(olu)
    client = browser("operator2")
    page = client.get(f"/approvals/{approval.id}/")
    assert approval.current is not None
    words = said(page)
    assert f"Approve {approval.current.code} with your passkey" in words
    assert approval.sentence in words and approval.intent_hash in page.content.decode()
    assert "This browser has no passkeys here." in words
    asked = options(page)
    assert challenge_of(page) == assertions.challenge(approval, "approve")
    assert asked["userVerification"] == "required" and asked["rpId"] == relying_party.rp_id()
    assert [one["id"] for one in asked["allowCredentials"]] == [hers.id]
    done = client.post(
        f"/approvals/{approval.id}/passkey/",
        {"decision": "approve", "credential": json.dumps(hers.sign(challenge_of(page)))},
        follow=True,
    )
    assert "You signed an approval of" in said(done)
    assert fresh(approval).outcome == "approved"


def test_only_the_asked_person_is_offered_a_signature(olu: Actor, hers: Authenticator) -> None:
    approval = ask(olu)
    for who in ("operator", "admin", "auditor"):
        page = browser(who).get(f"/approvals/{approval.id}/")
        assert "data-passkey" not in page.content.decode()


def test_who_has_no_key_that_fits_is_told_why(lamps: Lamps, olu: Actor, oona: Actor) -> None:
    answered_by("passkey")
    approval = ask(olu)
    client = browser("operator2")
    assert "You have no passkey here." in said(client.get(f"/approvals/{approval.id}/"))
    at = enrol(oona)
    assert "after the request was made" in said(client.get(f"/approvals/{approval.id}/"))
    later = ask(olu, name="stairs")
    assert "counts for your own requests only" in said(client.get(f"/approvals/{later.id}/"))
    assert at.id


def test_keys_of_another_address_are_not_offered(
    olu: Actor, hers: Authenticator, settings: Any
) -> None:
    Passkey.objects.update(rp_id="old.example", origins=["https://old.example"])
    approval = ask(olu)
    page = browser("operator2").get(f"/approvals/{approval.id}/")
    assert "another address of the portal" in said(page)


def test_an_answer_without_a_csrf_token_is_refused(olu: Actor, hers: Authenticator) -> None:
    approval = ask(olu)
    client = browser("operator2", csrf=True)
    assert post(client, approval, answer(approval, hers)).status_code == 403
    crossing = client.post(
        f"/approvals/{approval.id}/passkey/", {}, HTTP_ORIGIN="https://evil.example"
    )
    assert crossing.status_code == 403
    assert fresh(approval).status == "pending"


def test_an_answer_by_nobody_or_in_an_ended_session_is_refused(
    olu: Actor, hers: Authenticator
) -> None:
    approval = ask(olu)
    assert post(Client(), approval, answer(approval, hers)).status_code == 302
    client = browser("operator2")
    SignedInSession.objects.all().delete()
    assert post(client, approval, answer(approval, hers)).status_code == 401
    assert fresh(approval).status == "pending" and events("approval.approved")[1:] == []


def test_other_methods_are_refused(olu: Actor, hers: Authenticator) -> None:
    approval = ask(olu)
    client = browser("operator2")
    for method in ("get", "put", "patch", "delete"):
        answered = getattr(client, method)(f"/approvals/{approval.id}/passkey/")
        assert answered.status_code == 405, method
    assert client.put(NEW).status_code == 405


def test_somebody_elses_answer_and_a_bent_form_are_told_on_the_page(
    olu: Actor, hers: Authenticator
) -> None:
    approval = ask(olu)
    wrong = browser("operator")
    assert post(wrong, approval, answer(approval, hers)).status_code == 302
    assert "Only the person who was asked" in said(wrong.get(f"/approvals/{approval.id}/"))
    client = browser("operator2")
    post(client, approval, answer(approval, hers), decision="perhaps")
    assert "Say approve or deny." in said(client.get(f"/approvals/{approval.id}/"))
    post(client, approval, [1, 2])
    assert "not the answer of a passkey" in said(client.get(f"/approvals/{approval.id}/"))
    stranger = browser("member1")
    assert post(stranger, approval, answer(approval, hers)).status_code == 404
    assert fresh(approval).status == "pending"


def test_a_member_confirms_nobody(lamps: Lamps) -> None:
    member = acting("member1")
    mine = enrol(member)
    client = browser("member1")
    page = client.post(f"/account/passkeys/{key_of(mine).handle}/approver/", follow=True)
    assert "needs the role admin or operator" in said(page)
    assert not Approval.objects.exists()
    assert "Let it approve" not in said(client.get("/account/"))


def test_the_request_to_confirm_reads_as_what_it_is(olu: Actor, oona: Actor) -> None:
    at = enrol(olu)
    approval = confirmation(olu, at)
    words = said(browser("operator2").get(f"/approvals/{approval.id}/"))
    short = relying_party.short(key_of(at).handle)
    assert (
        f"Let “Olu Operator” approve other people's requests with the passkey “Laptop” ({short})"
        in words
    )
    assert "own requests only" in words
