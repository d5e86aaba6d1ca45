"""Offboarding takes decisions that exist already, each on its own record, and only what is left."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import SignedInSession
from approvals import cancel_resend_confirm_denial, clock
from approvals.errors import Refused
from approvals.models import Approval, Ask, AskState, Outcome, Passkey, Person, Status
from approvals.pipeline import leavers_requests
from approvals.pipeline.service import perform
from audit.recording.actors import Target
from audit.sequencing import sequencer
from connections.lifecycle import freezes
from connections.models import ConnectedAccount, Freeze, State
from portal.people import offboarding_steps
from tests.accounts.trail import events
from tests.approvals.policies import in_force, keyed, rule
from tests.people.inhabitants import account, actor, application, passkey, person, text
from tests.support.erasing import erase_person
from tests.support.pages import signed_in

pytestmark = pytest.mark.usefixtures("house")


def url_of(who: str) -> str:
    return reverse("person-offboard", args=[person(who).pk])


@pytest.fixture
def admin() -> Client:
    """Amir, who signed in a moment ago; Anya could approve what he asks for."""
    signed_in("admin2", "admin")
    return signed_in("admin", "admin")


def offboard(client: Client, who: str, **more: str) -> str:
    given = {"reason": "left the company", **more}
    sent = client.post(url_of(who), given)
    assert sent.status_code == 303, sent.content.decode()[:2000]
    answer = client.get(sent.headers["Location"])
    assert answer.status_code == 200, answer.content.decode()[:2000]
    return answer.content.decode()


def seen(page: str) -> str:
    """What a page says, in one line."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def asked_of_admin2(mine: ConnectedAccount) -> tuple[Approval, Ask]:
    """A revocation that an admin requests, and what the other admin was sent for it."""
    asked = perform(
        actor("admin"), "connection.revoke", Target("connection", str(mine.pk)), reason="odd"
    ).approval
    assert asked is not None and asked.current is not None
    assert asked.current.person == person("admin2")
    return asked, asked.current


def third_admin() -> Person:
    iss = person("admin").iss
    return Person.objects.create(
        iss=iss, sub="auth0|tess", name="Tess", roles=["admin"], updated=clock.now()
    )


def test_everything_is_one_press_and_each_step_is_recorded_apart(admin: Client) -> None:
    signed_in("member1")
    mine = account("member1", live_s=600)
    application("member1")
    passkey("member1")
    page = offboard(admin, "member1")
    [frozen] = events("person.frozen")
    assert frozen["reason"] == "left the company"
    assert frozen["actor"]["sub"] == person("admin").sub
    [ended] = events("session.revoked")
    assert ended["data"]["by"] == offboarding_steps.BY
    assert not SignedInSession.objects.filter(user__sub=person("member1").sub).exists()
    assert len(events("passkey.revoked")) == 1
    assert Passkey.objects.get().revoked_at is not None
    asked = Approval.objects.filter(status=Status.PENDING)
    assert {one.verb for one in asked} == {"selection.revoke", "access.revoke"}
    mine.refresh_from_db()
    assert mine.state == State.SUSPENDED  # on hold while its revocation waits
    operations = {one["operation"] for one in events("person.frozen") + events("passkey.revoked")}
    assert len(operations) == 2
    assert "asked Anya Admin to approve: Revoke “Mia Member”" in seen(page)


def test_what_will_be_done_and_afterwards_what_was_done_is_listed(admin: Client) -> None:
    signed_in("member1")
    account("member1", live_s=600)
    passkey("member1")
    before = text(admin, url_of("member1"))
    assert "What will be done" in before and "What was done" not in before
    offboard(admin, "member1", colleague=str(person("admin2").pk))
    for _ in range(2):  # the result, and the page that is opened again later
        found = text(admin, url_of("member1"))
        assert "What will be done" not in found
        done = found.partition("What was done")[2].partition("What is left to do")[0]
        assert "Started by Amir Admin" in done and "left the company" in done
        assert "Answers in their place Anya Admin" in done
        for step in (
            "Amir Admin froze “Mia Member”",
            "revoked Mia Member’s passkey “Laptop”",
            "asked Anya Admin to approve: Revoke 1 account: “Mia Member”'s GitHub account",
        ):
            assert step in done
        assert f"{Freeze.objects.get().since:%H:%M}" in done
        assert "pending" in done
    [started] = events("person.offboarding_started")
    assert started["actor"]["sub"] == person("admin").sub
    assert started["data"]["stand_in"]["sub"] == person("admin2").sub


def test_what_waited_shows_how_it_ended_once_it_is_decided(admin: Client) -> None:
    signed_in("member1")
    account("member1")
    offboard(admin, "member1")
    [asked] = Approval.objects.all()
    cancel_resend_confirm_denial.cancel(actor("admin"), str(asked.pk))
    done = text(admin, url_of("member1")).partition("What was done")[2]
    assert "cancelled" in done.partition("What is left to do")[0]


def test_what_another_admin_did_in_the_same_moment_is_not_listed(admin: Client) -> None:
    signed_in("member1")
    account("member1")
    offboard(admin, "member1")
    mia = Target("person", person("member1").sub)
    perform(actor("admin2"), "person.freeze", mia, reason="odd")
    assert "Anya Admin froze" not in text(admin, url_of("member1"))


def test_who_keeps_a_role_is_said_to_decide_still_until_the_provider_takes_it_away(
    admin: Client,
) -> None:
    signed_in("operator", "operator")
    signed_in("member1")
    own, said = (
        f"/people/{person('operator').pk}/",
        "They can still sign in and decide as operator.",
    )
    assert said not in text(admin, own)
    page = offboard(admin, "operator", colleague=str(person("admin2").pk))
    assert said in page and "Only the identity provider takes a role away" in page
    assert said in text(admin, own) and "was started" in text(admin, own)
    Person.objects.filter(pk=person("operator").pk).update(roles=[])
    assert said not in text(admin, own) and "was started" in text(admin, own)
    assert "decide as" not in offboard(admin, "member1")


def test_an_offboarding_that_finds_nothing_to_do_is_not_recorded(admin: Client) -> None:
    signed_in("member1")
    offboard(admin, "member1")
    page = offboard(admin, "member1")
    assert "Nothing was left to do to offboard Mia Member" in page
    assert len(events("person.offboarding_started")) == 1


def test_consents_at_providers_and_an_enrolled_phone_remain(admin: Client) -> None:
    signed_in("member1")
    account("member1")
    Person.objects.filter(sub=person("member1").sub).update(phone=True)
    offboard(admin, "member1")
    remains = text(admin, url_of("member1")).partition("What remains")[2]
    assert "GitHub keeps the permission of the GitHub account octo until it is removed" in remains
    assert "Their phone is still enrolled for approvals at Auth0" in remains


def test_what_remains_says_until_when_and_what_is_not_ours(admin: Client) -> None:
    signed_in("member1")
    mine = account("member1", live_s=600)
    offboard(admin, "member1")
    found = text(admin, url_of("member1"))
    assert mine.last_token_expires_at is not None
    assert f"{mine.last_token_expires_at:%H:%M}" in found.partition("What remains")[2]
    assert "not ours to close" in found
    assert "is suspended until its revocation is approved" in found


def test_pressed_again_it_does_only_what_is_left(admin: Client) -> None:
    signed_in("member1")
    account("member1", "one")
    offboard(admin, "member1")
    before = Approval.objects.count()
    account("member1", "two")
    offboard(admin, "member1")
    assert len(events("person.frozen")) == 1 and len(events("session.revoked")) == 1
    assert Approval.objects.count() == before + 1
    assert "Every step of ours was taken" in text(admin, url_of("member1"))


def test_ending_sessions_is_offered_where_a_revocation_that_ends_them_is_left(
    admin: Client,
) -> None:
    signed_in("member1")
    account("member1")
    box = 'name="end_sessions"'
    assert box in admin.get(url_of("member1")).content.decode()
    offboard(admin, "member1", end_sessions="1")
    assert Approval.objects.get().params["end_sessions"] is True
    application("member1")
    page = admin.get(url_of("member1")).content.decode()
    assert 'name="reason"' in page and box not in page


def test_a_step_that_is_refused_leaves_the_others_and_is_repeated_alone(admin: Client) -> None:
    signed_in("member1")
    account("member1")
    passkey("member1")
    stale = offboarding_steps.Order(actor("admin", fresh=False), person("member1"), "left")
    came_to = {one.text: one.state for one in offboarding_steps.take_all(stale)}
    assert came_to.pop("Revoke the passkey Laptop") == "failed"
    assert sorted(came_to.values()) == ["doing", "done", "done"]
    assert Freeze.objects.count() == 1 and Approval.objects.count() == 1
    page = offboard(admin, "member1")
    assert "revoked Mia Member’s passkey “Laptop”" in page and "froze" not in page
    assert len(events("passkey.revoked")) == 1 and Approval.objects.count() == 1


def test_requests_of_a_leaver_are_withdrawn_unless_they_hold_something(admin: Client) -> None:
    signed_in("member1")
    mine = account("member1")
    mia = Target("person", person("member1").sub)
    perform(actor("admin"), "person.freeze", mia, reason="odd")
    holding = perform(
        actor("admin2"), "connection.revoke", Target("connection", str(mine.pk)), reason="x"
    ).approval
    plain = perform(actor("admin2"), "person.unfreeze", mia).approval
    assert holding and plain
    assert holding.held and not plain.held
    page = offboard(admin, "admin2", colleague=str(person("admin").pk))
    holding.refresh_from_db()
    plain.refresh_from_db()
    mine.refresh_from_db()
    assert plain.outcome == Outcome.CANCELLED and holding.status == Status.PENDING
    assert holding.held and mine.state == State.SUSPENDED and not events("connection.resumed")
    [withdrawn] = events("approval.cancelled")
    assert withdrawn["actor"]["sub"] == person("admin").sub
    assert "withdrawing it would end that hold" in page
    with pytest.raises(Refused, match="hold"):
        leavers_requests.withdraw(actor("admin"), holding, person("admin2"))


def test_who_was_asked_is_replaced_by_somebody_the_policy_lets_approve(admin: Client) -> None:
    signed_in("member1")
    mine = account("member1")
    signed_in("operator", "operator")
    asked = perform(
        actor("admin"), "connection.revoke", Target("connection", str(mine.pk)), reason="odd"
    ).approval
    assert asked is not None and asked.current is not None
    assert asked.current.person == person("admin2")
    with pytest.raises(Refused, match="does not let"):
        leavers_requests.reassign(actor("admin"), asked, person("admin2"), person("operator"))
    with pytest.raises(Refused, match="asked for it"):
        leavers_requests.reassign(actor("admin"), asked, person("admin2"), person("admin"))
    with pytest.raises(Refused, match="another admin"):
        leavers_requests.reassign(actor("operator"), asked, person("admin2"), person("admin"))


@pytest.mark.parametrize("channel", ["passkey", "both"])
def test_a_colleague_without_a_passkey_that_counts_does_not_replace_one_who_has_one(
    admin: Client, channel: str
) -> None:
    signed_in("member1")
    mine = account("member1")
    in_force(rule("all", channel=channel))
    keyed(actor("admin2"))
    asked, older = asked_of_admin2(mine)
    tess = third_admin()
    page = offboard(admin, "admin2", colleague=str(tess.pk))
    assert "It needs a passkey, and Tess has none that counts." in page
    older.refresh_from_db()
    assert asked.current == older and older.state in {AskState.STARTING, AskState.WAITING}
    keyed(tess.as_actor("web"))
    offboard(admin, "admin2", colleague=str(tess.pk))
    assert asked.current is not None and asked.current.person == tess


def test_a_named_colleague_is_asked_and_the_older_push_counts_no_more(admin: Client) -> None:
    signed_in("member1")
    mine = account("member1")
    asked, older = asked_of_admin2(mine)
    third = third_admin()
    offboard(admin, "admin2", colleague=str(third.pk))
    asked.refresh_from_db()
    older.refresh_from_db()
    assert asked.current is not None and asked.current.person == third
    assert older.state == AskState.SUPERSEDED and asked.status == Status.PENDING
    told = [one for one in events("approval.requested") if one["approval"] == str(asked.pk)]
    assert len(told) == 2 and told[-1]["actor"]["sub"] == person("admin").sub


def test_a_named_colleague_who_was_erased_is_not_said_to_be_no_one(admin: Client) -> None:
    signed_in("member1")
    account("member1")
    third = third_admin()
    offboard(admin, "admin2", colleague=str(third.pk))
    assert "Answers in their place Tess" in text(admin, url_of("admin2"))
    sequencer.run_once()
    erase_person(third.subject.key)
    assert "Answers in their place (erased)" in text(admin, url_of("admin2"))


@pytest.mark.parametrize("who", ["operator", "auditor", "member2"])
def test_nobody_but_an_admin_offboards(admin: Client, who: str) -> None:
    signed_in("member1")
    roles = () if who == "member2" else (who,)
    client = signed_in(who, *roles)
    for answer in (client.get(url_of("member1")), client.post(url_of("member1"), {"reason": "x"})):
        assert answer.status_code == 403
    assert not Freeze.objects.exists()


def test_nobody_offboards_themselves(admin: Client) -> None:
    assert admin.post(url_of("admin"), {"reason": "x"}).status_code == 403
    assert "Offboard" not in text(admin, reverse("person", args=[person("admin").pk]))
    assert not Freeze.objects.exists()


def test_strangers_bad_ids_other_methods_and_missing_tokens_change_nothing(admin: Client) -> None:
    signed_in("member1")
    url = url_of("member1")
    assert Client().post(url, {"reason": "x"}).status_code in {302, 401, 403}
    assert admin.post("/people/999999/offboard/", {"reason": "x"}).status_code == 404
    assert admin.put(url).status_code == 405 and admin.delete(url).status_code == 405
    checked = signed_in("admin", "admin", csrf=True)
    assert checked.post(url, {"reason": "x"}).status_code == 403
    assert not Freeze.objects.exists()


def test_an_old_or_weak_sign_in_has_to_be_renewed(admin: Client) -> None:
    signed_in("member1")
    weak = signed_in("admin", "admin", amr=())
    assert weak.post(url_of("member1"), {"reason": "x"}).status_code == 401
    for session in SignedInSession.objects.all():
        session.auth_time -= timedelta(hours=1)
        session.save()
    assert admin.post(url_of("member1"), {"reason": "x"}).status_code == 401
    assert admin.get(url_of("member1")).status_code == 302
    assert not Freeze.objects.exists()


def test_a_reason_and_where_somebody_has_a_role_a_colleague_are_needed(admin: Client) -> None:
    signed_in("operator", "operator")
    for given in ({}, {"reason": "  "}, {"reason": "x"}, {"reason": "x", "colleague": "9999"}):
        assert admin.post(url_of("operator"), given).status_code == 422
    own = {"reason": "x", "colleague": str(person("operator").pk)}
    assert admin.post(url_of("operator"), own).status_code == 422
    assert not Freeze.objects.exists()


def test_a_freeze_of_somebody_else_is_left_as_it_is(admin: Client) -> None:
    signed_in("member1")
    perform(
        actor("admin2"), freezes.verb_of("person", "freeze"),
        Target("person", person("member1").sub), reason="odd",
    )  # fmt: skip
    offboard(admin, "member1")
    assert [one.by for one in Freeze.objects.all()] == [person("admin2").sub]


def test_what_was_denied_is_not_reached_by_offboarding(admin: Client) -> None:
    """Nothing is committed by it that the verbs alone would not commit."""
    signed_in("member1")
    mine = account("member1")
    offboard(admin, "member1")
    mine.refresh_from_db()
    assert mine.state == State.SUSPENDED
    assert not events("connection.revoked") and not events("selection.revoked")
    assert ConnectedAccount.objects.exclude(held_by="").count() == 1


def test_two_consents_of_one_application_are_told_apart_where_somebody_approves(
    admin: Client,
) -> None:
    signed_in("member1")
    for audience, scopes in (
        ("https://calendar.example", ["read:events"]),
        ("https://mail.example", ["send:mail", "read:mail"]),
    ):
        row = application("member1", "ata-web")
        row.auth0_id, row.kind = f"cgr_{audience}", "grant"
        row.audiences, row.scopes = [audience], scopes
        row.save()
    token = application("member1", "ata-cli")
    token.created_at = datetime(2026, 11, 24, 10, 42, tzinfo=UTC)
    token.save()
    page = text(admin, url_of("member1"))
    offboard(admin, "member1")
    asked = Approval.objects.filter(verb="access.revoke").values_list("sentence", flat=True)
    of = "Revoke “Mia Member”'s"
    assert set(asked) == {
        f"{of} consent of ata-web for https://calendar.example (read:events)",
        f"{of} consent of ata-web for https://mail.example (send:mail, read:mail)",
        f"{of} refresh token of ata-cli of 24 Nov 2026, 10:42 UTC",
    }
    assert "Revoke the consent of ata-web for https://mail.example (send:mail, read:mail)" in page
    remains = text(admin, url_of("member1"))
    assert "The consent of ata-web for https://mail.example (send:mail, read:mail): in" in remains


def test_the_page_shows_the_code_of_each_request_until_it_is_answered(admin: Client) -> None:
    signed_in("member1")
    account("member1", live_s=600)
    application("member1")
    page = seen(offboard(admin, "member1"))
    requests = Approval.objects.filter(status=Status.PENDING).prefetch_related("asks")
    codes = [one.current.code for one in requests if one.current]
    assert len(codes) == 2
    for code in codes:
        assert code in page, page
    assert "The approver’s phone and their Approvals page show the code of the row." in page
    for one in requests:
        cancel_resend_confirm_denial.cancel(actor("admin"), str(one.id))
    after = text(admin, url_of("member1"))
    assert not any(code in after for code in codes)
    assert "Waiting for an approval" not in after


def test_the_page_shows_what_came_of_its_requests_without_being_loaded_again(
    admin: Client,
) -> None:
    signed_in("member1")
    account("member1", live_s=600)
    page = offboard(admin, "member1")
    polled = f"{url_of('member1')}?form=empty"
    assert f'hx-get="{polled}"' in page and 'hx-trigger="every 2s"' in page
    (approval,) = Approval.objects.filter(status=Status.PENDING)
    cancel_resend_confirm_denial.cancel(actor("admin"), str(approval.id))
    for session in SignedInSession.objects.all():
        session.auth_time -= timedelta(hours=1)
        session.save()
    asked = admin.get(url_of("member1"), headers={"HX-Request": "true"})
    part = asked.content.decode()
    assert asked.status_code == 200, "it leads nobody to a sign-in from under what they type"
    assert "<form" not in part and "<html" not in part, "what is typed stays"
    assert "The form below is as it was loaded." in part
    assert "every 2s" not in part, "nothing waits any more"
    assert 'id="what-remains"' in part and "hx-swap-oob" in part
    part = admin.get(polled, headers={"HX-Request": "true"}).content.decode()
    assert 'id="what-is-left"' in part and "Revoke their connections" in part


@pytest.mark.parametrize("who", ["auditor", "operator", "member2"])
def test_nobody_but_an_admin_reads_what_came_of_an_offboarding(admin: Client, who: str) -> None:
    signed_in("member1")
    others = signed_in(who, *([] if who == "member2" else [who]))
    asked = others.get(url_of("member1"), headers={"HX-Request": "true"})
    assert asked.status_code == 403
