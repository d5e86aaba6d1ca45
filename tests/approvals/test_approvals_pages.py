"""The pages about approvals: who sees what, what they may do, and that they need no script."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from approvals import actor_json, clock
from approvals.models import Approval, Ask, AskState, Effect, Status
from approvals.pipeline import deny_expire_cancel
from approvals.pipeline.service import perform
from approvals.registry import EffectSpec
from approvals.views.request_audit_history import history
from audit.recording.actors import SYSTEM, Actor, Target
from tests.approvals.asking import HALL, ask, code_of, fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import acting, known
from tests.support.pages import signed_in
from tests.support.sign_in import SUBS


@pytest.fixture
def waiting(lamps: Lamps) -> Approval:
    """Olu asked; Oona has it on her phone."""
    olu = acting("operator", "operator")
    known("operator2", "operator")
    approval = ask(olu, reason="burns <b>hot</b>")
    Ask.objects.update(state=AskState.WAITING, started=clock.now(), due=None)
    return approval


def page(client: Client, approval: Approval, part: str = "") -> Any:
    return client.get(f"/approvals/{approval.pk}/{part}")


def text(answer: Any) -> str:
    """What a reader sees of a page, in one line."""
    body = re.sub(r"<(script|style|svg).*?</\1>", " ", answer.content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)).replace("&#x27;", "'")


def test_the_page_says_what_will_happen_and_shows_the_code_big(waiting: Approval) -> None:
    shown = text(page(signed_in("operator", "operator"), waiting))
    for words in (
        code_of(waiting),
        "The phone of Oona Operator must show this same code. If it doesn’t, tell them to deny.",
        "waiting for Oona Operator’s phone",
        "Block lamp hall everywhere",
        "Risk Critical: it is not undone automatically; raised from Low by the requester",
        "Reason “burns",
        "Requested by “Olu Operator”",
        "If approved The lamp stays dark.",
        "If denied Nothing happens. On hold meanwhile; a denial ends the hold once it is "
        "proven. If no one answers, ",
        "Received on the web",
        "an operator other than the one who asked approves by phone within 5 min",
        "DEMO: the local tenant accepted the push to Oona Operator’s device",
        "Check the local tenant’s signature",
        waiting.intent_hash,
    ):
        assert words in shown, words


def test_the_asked_person_reads_about_their_own_phone(waiting: Approval) -> None:
    shown = text(page(signed_in("operator2", "operator"), waiting))
    assert "Your phone must show this same code. If it doesn’t, deny." in shown
    assert "waiting for your phone" in shown


def test_the_exact_intent_is_on_the_page(waiting: Approval) -> None:
    answer = page(signed_in("operator", "operator"), waiting)
    assert waiting.intent.replace('"', "&quot;") in answer.content.decode()


def test_free_text_is_shown_as_text(waiting: Approval) -> None:
    body = page(signed_in("operator", "operator"), waiting).content
    assert b"burns &lt;b&gt;hot" in body and b"<b>hot" not in body


def test_the_live_part_is_sent_only_when_something_changed(waiting: Approval) -> None:
    client = signed_in("operator", "operator")
    body = page(client, waiting).content.decode()
    url = re.search(r'hx-get="(/approvals/[^"]+/live/\?seen=[0-9a-f]+)"', body)
    assert url
    assert client.get(url[1]).status_code == 204
    Ask.objects.update(detail="waiting: Auth0 limits pushes")
    changed = client.get(url[1])
    assert changed.status_code == 200
    assert 'id="approval"' in changed.content.decode()
    assert 'id="approval-aside" class="stack"' in changed.content.decode()
    assert 'hx-swap-oob="true"' in changed.content.decode()
    assert "<html" not in changed.content.decode()


def test_what_changes_while_the_page_is_made_is_shown_by_its_live_part(
    waiting: Approval, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(*given: Any) -> Any:
        Ask.objects.update(detail="acknowledged meanwhile")
        return history(*given)

    monkeypatch.setattr("approvals.views.request_detail_context.history", meanwhile)
    client = signed_in("operator", "operator")
    body = page(client, waiting).content.decode()
    url = re.search(r'hx-get="(/approvals/[^"]+/live/\?seen=[0-9a-f]+)"', body)
    assert url and client.get(url[1]).status_code == 200


def test_without_scripts_the_page_reloads_itself_until_it_is_over(waiting: Approval) -> None:
    client = signed_in("operator", "operator")
    assert b'<noscript><meta http-equiv="refresh"' in page(client, waiting).content
    deny_expire_cancel.cancel(fresh(waiting), Actor(iss="i", sub="s"))
    over = page(client, waiting).content
    assert b"http-equiv" not in over and b'hx-trigger="every 2s"' not in over


def test_a_remote_step_that_is_still_to_come_keeps_the_page_live(
    waiting: Approval, lamps: Lamps
) -> None:
    deny_expire_cancel.cancel(fresh(waiting), Actor(iss="i", sub="s"))
    lamps.effects = [EffectSpec("lamp.step", {}, "edge-1", "Tell edge-1")]
    perform(acting("operator", "operator"), "lamp.note", HALL)
    Effect.objects.update(operation=waiting.operation)
    body = page(signed_in("operator", "operator"), waiting).content
    assert b'hx-trigger="every 2s"' in body and b"Tell edge-1" in body
    Effect.objects.update(state="failed", detail="no such lamp there")
    body = page(signed_in("operator", "operator"), waiting).content
    assert b'hx-trigger="every 2s"' not in body and b"no such lamp there" in body


# Who sees it.


@pytest.mark.parametrize(
    ("who", "roles", "status"),
    [
        ("operator", ("operator",), 200),
        ("operator2", ("operator",), 200),
        ("auditor", ("auditor",), 200),
        ("admin", ("admin",), 200),
        ("member1", (), 404),
    ],
)
@pytest.mark.parametrize("part", ["", "live/", "cancel/"])
def test_members_see_only_what_is_theirs(
    waiting: Approval, who: str, roles: tuple[str, ...], status: int, part: str
) -> None:
    assert page(signed_in(who, *roles), waiting, part).status_code == status


def test_a_member_sees_what_they_were_asked(waiting: Approval) -> None:
    Ask.objects.update(person=known("member1"))
    client = signed_in("member1")
    shown = page(client, waiting)
    assert shown.status_code == 200
    assert b"/audit/events/" not in shown.content, "members do not read the trail"
    assert "Block lamp hall" in text(client.get("/approvals/"))


@pytest.mark.parametrize("part", ["", "live/", "cancel/", "again/", "denied/"])
def test_strangers_are_sent_to_sign_in(waiting: Approval, client: Client, part: str) -> None:
    for answer in (page(client, waiting, part), client.post(f"/approvals/{waiting.pk}/{part}")):
        assert answer.status_code == 302
        assert answer["Location"].startswith("/oidc/authenticate/")


@pytest.mark.parametrize("part", ["", "live/", "cancel/"])
def test_an_id_that_is_none_is_not_found(lamps: Lamps, part: str) -> None:
    client = signed_in("operator", "operator")
    assert client.get(f"/approvals/{uuid4()}/{part}").status_code == 404
    assert client.get(f"/approvals/not-an-id/{part}").status_code == 404


# What they may do.


def test_the_one_who_asked_cancels(waiting: Approval, lamps: Lamps) -> None:
    client = signed_in("operator", "operator")
    assert "Cancel the request?" in text(page(client, waiting, "cancel/"))
    answer = client.post(f"/approvals/{waiting.pk}/cancel/", follow=True)
    assert fresh(waiting).outcome == "cancelled" and lamps.held == []
    assert "You cancelled" in text(answer)


@pytest.mark.parametrize("act", ["cancel", "again"])
@pytest.mark.parametrize(
    ("who", "roles"),
    [("operator2", ("operator",)), ("auditor", ("auditor",)), ("admin", ("admin",))],
)
def test_nobody_else_cancels_or_sends_again(
    waiting: Approval, who: str, roles: tuple[str, ...], act: str
) -> None:
    client = signed_in(who, *roles)
    buttons = text(page(client, waiting))
    assert "Cancel the request" not in buttons and "Send again" not in buttons
    answer = client.post(f"/approvals/{waiting.pk}/{act}/", follow=True)
    assert "Only the person who asked" in text(answer)
    assert fresh(waiting).status == "pending" and waiting.asks.count() == 1


def test_a_member_cannot_act_on_what_they_cannot_see(waiting: Approval) -> None:
    client = signed_in("member1")
    for act in ("cancel", "again", "denied"):
        assert client.post(f"/approvals/{waiting.pk}/{act}/").status_code == 404
    assert fresh(waiting).status == "pending"


def test_sending_again_changes_the_code_and_says_so(waiting: Approval) -> None:
    before = code_of(waiting)
    answer = signed_in("operator", "operator").post(f"/approvals/{waiting.pk}/again/", follow=True)
    assert code_of(waiting) != before
    assert "You asked for a new code for" in text(answer)
    assert "replaced by a newer code" in text(answer)


@pytest.mark.parametrize("act", ["again", "denied"])
def test_acts_take_posts_only(waiting: Approval, act: str) -> None:
    assert page(signed_in("operator", "operator"), waiting, f"{act}/").status_code == 405


@pytest.mark.parametrize("act", ["cancel", "again", "denied"])
def test_acts_need_their_csrf_token(waiting: Approval, act: str) -> None:
    client = signed_in("operator", "operator", csrf=True)
    assert client.post(f"/approvals/{waiting.pk}/{act}/").status_code == 403
    assert fresh(waiting).status == "pending"


def test_a_closed_request_cannot_be_cancelled(waiting: Approval) -> None:
    client = signed_in("operator", "operator")
    client.post(f"/approvals/{waiting.pk}/cancel/")
    assert "already cancelled" in text(client.post(f"/approvals/{waiting.pk}/cancel/", follow=True))


def deny_inferred(approval: Approval) -> None:
    oona = known("operator2", "operator")
    locked = fresh(approval)
    current = locked.current
    assert current is not None
    deny_expire_cancel.deny(
        locked,
        current,
        oona.as_actor(via="phone"),
        inferred=True,
        source="our clock",
        now=clock.now(),
    )


def test_an_inferred_denial_is_labelled_and_its_person_confirms_it(
    waiting: Approval, lamps: Lamps
) -> None:
    deny_inferred(waiting)
    other, asked = signed_in("operator", "operator"), signed_in("operator2", "operator")
    shown = text(page(other, waiting))
    assert "denied, awaiting confirmation" in shown
    assert "It was me" not in shown
    assert "Yes, I denied this" in text(page(asked, waiting))
    refused = text(other.post(f"/approvals/{waiting.pk}/denied/", follow=True))
    assert "Only the person who was asked" in refused and fresh(waiting).inferred
    asked.post(f"/approvals/{waiting.pk}/denied/")
    assert not fresh(waiting).inferred and lamps.held == []


@pytest.mark.parametrize(
    ("outcome", "held", "words"),
    [
        ("expired", True, "No one answered in time. Nothing was committed. The hold stays."),
        ("expired", False, "Nothing was committed. The portal ended the hold."),
        ("failed", True, "Auth0 was away. Nothing was committed. The hold stays."),
        (
            "denied",
            False,
            "Oona Operator denied it. Nothing was committed. The portal ended the hold.",
        ),
        ("approved", False, "Recorded as approved by Oona Operator; no proof found."),
    ],
)
def test_every_end_is_said_in_words(
    waiting: Approval, outcome: str, held: bool, words: str
) -> None:
    who = {"approved": "approved", "denied": "denied"}.get(outcome, "none")
    Approval.objects.update(
        status="closed",
        outcome=outcome,
        held=held,
        answer=who,
        outcome_detail="Auth0 was away." if outcome == "failed" else "",
        answered_by=actor_json.to_json(known("operator2").as_actor("phone"))
        if who != "none"
        else {},
        closed=clock.now(),
    )
    shown = text(page(signed_in("auditor", "auditor"), waiting))
    assert words in shown and "If denied" not in shown
    assert ("As requested" in shown) == (outcome == "approved")


def test_a_single_person_approval_is_labelled(lamps: Lamps) -> None:
    approval = ask(acting("operator", "operator"))
    assert "single-person" in text(page(signed_in("operator", "operator"), approval))


def test_a_finding_without_anybody_to_ask_says_so(lamps: Lamps) -> None:
    approval = ask(SYSTEM, folded="lamp:hall:1")
    shown = text(page(signed_in("auditor", "auditor"), approval))
    assert "No possible approver has signed in yet" in shown
    assert "Requested by automatic, for a finding" in shown
    assert "It is recorded as an override in the name of who denies." in shown


def test_the_phone_opens_only_with_a_local_tenant(waiting: Approval, settings: Any) -> None:
    client = signed_in("operator", "operator")
    link = f"phone/{SUBS['operator2'].replace('|', '%7C')}/"
    assert link in page(client, waiting).content.decode()
    settings.ENV = settings.ENV.model_copy(
        update={"AUTH0_ISSUER": settings.ENV.issuer}
    )  # named, so it is not ours
    body = page(client, waiting).content.decode()
    assert "/phone/" not in body and "LOCAL TENANT" not in body


# The inbox.


def test_the_inbox_tells_for_whom_things_wait(waiting: Approval) -> None:
    olu, oona = signed_in("operator", "operator"), signed_in("operator2", "operator")
    ada, mia = signed_in("auditor", "auditor"), signed_in("member1")
    assert "Waiting for your answer 1" in text(oona.get("/approvals/"))
    assert "You asked 1" in text(olu.get("/approvals/"))
    assert "Waiting for others 1" in text(ada.get("/approvals/"))
    none = text(mia.get("/approvals/"))
    assert "Block lamp" not in none
    assert none.index("No request needs your answer") < none.index("Denied")


def test_what_waits_stands_above_the_filter_and_says_when_the_filter_hides_it(
    waiting: Approval,
) -> None:
    oona = signed_in("operator2", "operator")
    shown = text(oona.get("/approvals/"))
    assert shown.index("Waiting for your answer 1") < shown.index("Requested by")
    hidden = text(oona.get("/approvals/", {"by": "nobody"}))
    assert "No approval request that this filter shows needs your answer." in hidden


def test_what_waits_for_others_moves_with_what_waits_for_me(waiting: Approval) -> None:
    client = signed_in("operator", "operator")
    part = client.get("/approvals/waiting/?seen=").content.decode()
    assert part.startswith('<div id="waiting"') and "You asked" in part
    assert '<div id="waiting-others" hx-swap-oob="true"' in part


def test_the_waiting_part_is_sent_only_when_it_changed(waiting: Approval) -> None:
    client = signed_in("operator2", "operator")
    url = re.search(
        r'hx-get="(/approvals/waiting/[^"]*)"', client.get("/approvals/").content.decode()
    )
    assert url
    assert client.get(url[1]).status_code == 204
    Approval.objects.update(status="closed", outcome="cancelled")
    assert client.get(url[1]).status_code == 200


def test_what_is_over_is_paged(lamps: Lamps) -> None:
    olu = acting("operator", "operator")
    for n in range(30):
        perform(olu, "lamp.allow", Target("lamp", f"lamp-{n}"), severity="HIGH")
    Approval.objects.update(status="closed", outcome="expired")
    client = signed_in("operator", "operator")
    first = client.get("/approvals/").content.decode()
    assert "lamp-29 " in first and "lamp-4 " not in first
    older = re.search(r'href="(\?before=[^"]+)"', first)
    assert older
    second = client.get("/approvals/" + older[1].replace("&amp;", "&")).content.decode()
    assert "lamp-4 " in second and "lamp-0 " in second and "lamp-29 " not in second
    odd = ("yesterday", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00")
    for text in odd:  # the last two are of no year that UTC has
        assert client.get("/approvals/", {"before": text}).status_code == 200


def test_requests_are_listed_by_how_they_stand(waiting: Approval) -> None:
    client = signed_in("operator", "operator")
    assert waiting.sentence in text(client.get("/approvals/?status=pending"))
    assert waiting.sentence not in text(client.get("/approvals/?status=denied"))
    Approval.objects.update(status=Status.CLOSED, outcome="denied", closed=clock.now())
    assert waiting.sentence in text(client.get("/approvals/?status=denied"))
    assert "No request ended so" in text(client.get("/approvals/?status=expired"))
    answer = client.get("/approvals/?status=denid")
    assert answer.status_code == 422
    assert "There is no such status" in text(answer) and waiting.sentence not in text(answer)


def test_what_was_closed_is_listed_as_over_without_a_reload(waiting: Approval) -> None:
    client = signed_in("operator", "operator")
    assert "&amp;whole" in client.get("/approvals/").content.decode()
    Approval.objects.update(status=Status.CLOSED, outcome="denied", closed=clock.now())
    part = client.get("/approvals/waiting/?seen=old&whole").content.decode()
    over = part.partition('<div id="over-list" hx-swap-oob="true" class="stack-s">')[2]
    assert waiting.sentence in over


def test_a_full_inbox_takes_few_queries(
    lamps: Lamps, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    olu = acting("operator", "operator")
    known("operator2", "operator")
    for n in range(40):
        perform(olu, "lamp.block", Target("lamp", f"lamp-{n}"), severity="CRITICAL")
    client = signed_in("operator", "operator")
    with django_assert_max_num_queries(19):
        assert client.get("/approvals/").status_code == 200


def test_the_policy_reads_as_sentences(lamps: Lamps) -> None:
    shown = text(signed_in("member1").get("/approvals/policy/"))
    assert "Severity HIGH high The one who asked approves on their own phone within" in shown
    assert "Another person with the role approves by phone within 5 minutes" in shown
    assert "No answer The next on call is asked, and after the last one" in shown
    assert "Block: MCP server, plugin, skill or tool" in shown
    assert "a person’s data or a legal hold" in shown


def test_a_request_whose_time_is_over_says_so_and_offers_nothing(waiting: Approval) -> None:
    Ask.objects.update(expires_at=clock.now())
    said = text(page(signed_in("operator", "operator"), waiting))
    assert "the time is over; being closed" in said
    assert not re.search(r"(?<!\d)0:00", said) and "Send again" not in said
    assert "must show this same code" not in said


def test_a_hold_that_nobody_decided_about_has_a_way_to_decide(
    waiting: Approval, lamps: Lamps
) -> None:
    Approval.objects.update(
        status="closed", outcome="expired", held=True, target_kind="skill", target_name="x"
    )
    answer = page(signed_in("operator2", "operator"), waiting)
    assert "/enforcement/skill/x/#decide" in answer.content.decode()
