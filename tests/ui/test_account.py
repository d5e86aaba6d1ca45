"""My account: who I am, where I am signed in, what I did."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client

from accounts.models import SignedInSession
from accounts.sessions.hashed_key_store import stored_key
from approvals import people_and_roles
from audit.models import ExportJob
from audit.recording.actors import Actor, Subject, Target
from audit.recording.record import record
from audit.sequencing import sequencer
from tests.accounts.trail import events
from tests.support.pages import signed_in
from tests.support.sign_in import SUBS

pytestmark = pytest.mark.usefixtures("house")


def shown(client: Client, query: str = "") -> str:
    answer = client.get(f"/account/{query}")
    assert answer.status_code == 200
    main = answer.content.decode().partition("<main")[2]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main))


def acts(who: str, count: int, kind: str = "skill") -> None:
    actor = Actor(iss=settings.ENV.issuer, sub=SUBS[who], name=who)
    for n in range(count):
        record(actor, f"{kind}.blocked", target=Target(kind, f"{who}-{n}"))


def test_a_stranger_signs_in_first(client: Client) -> None:
    answer = client.get("/account/")
    assert answer["Location"] == "/oidc/authenticate/?next=/account/"


def test_it_says_who_i_am_at_which_issuer() -> None:
    words = shown(signed_in("operator", "operator"))
    for part in (
        settings.ENV.issuer,
        SUBS["operator"],
        "operator@acme.example",
        "two factors",
        "ata login",
    ):
        assert part in words


def test_it_lists_what_i_did_and_nothing_of_others() -> None:
    acts("member1", 2)
    acts("member2", 1)
    sequencer.run_once()
    client = signed_in("member1")
    words = shown(client)
    assert "blocked skill member1-1" in words or "block skill member1-1" in words
    assert "member2-0" not in words
    assert "/audit/events/" not in client.get("/account/").content.decode()


def test_who_may_read_the_trail_gets_links_into_it() -> None:
    acts("operator", 1)
    sequencer.run_once()
    assert "/audit/events/" in signed_in("operator", "operator").get("/account/").content.decode()


def test_a_long_history_is_paged() -> None:
    acts("member1", 30)
    sequencer.run_once()
    client = signed_in("member1")
    body = client.get("/account/").content.decode()
    older = re.search(r'rel="next" href="(\?cursor=[^"]+)"', body)
    assert older
    assert "member1-29" in body and "member1-3 " not in shown(client)
    assert "member1-3 " in shown(client, older[1])


def test_a_cursor_that_is_none_is_said(client: Client) -> None:
    assert "not one of ours" in shown(signed_in("member1"), "?cursor=zzz")


def test_signing_out_another_browser_ends_it_and_is_recorded() -> None:
    here, there = signed_in("operator", "operator"), signed_in("operator", "operator")
    assert "2 browser sessions are signed in as you" in shown(here)
    other = SignedInSession.objects.get(session_key=stored_key(there.session.session_key))
    answer = here.post(f"/account/sessions/{other.public_id}/end/", follow=True)
    assert b"was signed out" in answer.content
    assert "This is your only browser session" in shown(here)
    assert there.get("/account/").status_code == 302
    assert not Session.objects.filter(session_key=other.session_key).exists()
    [event] = events("session.revoked")
    assert event["actor"]["sub"] == SUBS["operator"]
    assert event["target"]["name"] == other.public_id


def test_signing_out_everywhere_else_keeps_this_one() -> None:
    here = signed_in("operator", "operator")
    others = [signed_in("operator", "operator") for _ in range(2)]
    stranger = signed_in("auditor", "auditor")
    assert (
        b"2 other browsers were signed out"
        in here.post("/account/sessions/end-others/", follow=True).content
    )
    assert here.get("/account/").status_code == 200
    assert {o.get("/account/").status_code for o in others} == {302}
    assert stranger.get("/account/").status_code == 200
    assert len(events("session.revoked")) == 2


def end(client: Client, public_id: str) -> Any:
    return client.post(f"/account/sessions/{public_id}/end/")


def test_nobody_ends_the_session_of_somebody_else_or_their_own_here() -> None:
    mine, theirs = signed_in("operator", "operator"), signed_in("admin", "admin")
    foreign = SignedInSession.objects.get(session_key=stored_key(theirs.session.session_key))
    own = SignedInSession.objects.get(session_key=stored_key(mine.session.session_key))
    assert end(mine, foreign.public_id).status_code == 404
    assert end(mine, own.public_id).status_code == 404
    assert end(mine, "nothing").status_code == 404
    assert SignedInSession.objects.count() == 2


@pytest.mark.parametrize("path", ["/account/sessions/x/end/", "/account/sessions/end-others/"])
def test_ending_sessions_takes_posts_with_a_token_only(path: str, client: Client) -> None:
    assert signed_in("operator", "operator").get(path).status_code == 405
    assert signed_in("operator", "operator", csrf=True).post(path).status_code == 403
    assert client.post(path).status_code == 302


def test_it_says_how_i_signed_in_and_what_a_fresh_sign_in_is_for() -> None:
    words = shown(signed_in("operator", "operator", amr=("pwd", "mfa")))
    for part in (
        "just now, reported by the issuer",
        "a password and more than one factor",
        "two factors",
        "pwd, MFA",
        "Reported by the issuer",
        "last 10 minutes",
        "changing the policy",
        "offboarding a person",
        "downloading an audit file",
    ):
        assert part in words, words


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"amr": []}, "The issuer knew you already and did not ask again."),
        ({"amr": ["pwd"]}, "You signed in without a second factor."),
        ({"auth_time_said": False}, "did not say when you signed in"),
        ({"auth_time": "2026-01-01T00:00:00Z"}, "You signed in more than 10 minutes ago."),
        ({"amr": ["pwd", "odd-way"]}, "a password and odd-way"),
    ],
    ids=str,
)
def test_it_says_why_a_sign_in_is_not_enough(changes: dict[str, Any], said: str) -> None:
    client = signed_in("operator", "operator")
    SignedInSession.objects.update(**changes)
    words = shown(client)
    assert said in words, words
    assert "not recent" not in words, "one factor a minute ago is recent and not enough"


def test_a_break_glass_session_is_told_that_nobody_vouches_for_it() -> None:
    client = signed_in("operator", "operator")
    SignedInSession.objects.update(ends_at="2999-01-01T00:00:00Z")
    # The door is closed: such a session is over.
    assert client.get("/account/").status_code == 302


@pytest.mark.parametrize("roles", [(), ("auditor",)], ids=["member", "auditor"])
@pytest.mark.parametrize("format_name", ["csv", "ndjson"])
def test_my_history_is_mine_to_download_and_nothing_of_others(
    roles: tuple[str, ...], format_name: str
) -> None:
    acts("member1", 2)
    acts("member2", 1)
    agent = Actor(iss=settings.ENV.issuer, sub=SUBS["operator"], name="an operator")
    mine = Subject(settings.ENV.issuer, SUBS["member1"])
    record(agent, "token.exchanged", on_behalf_of=mine, connection="github", agent="claw")
    sequencer.run_once()
    client = signed_in("member1", *roles)
    answer = client.post("/account/history/download/", {"format": format_name})
    assert answer.status_code == 200 and "attachment" in answer["Content-Disposition"]
    body = answer.getvalue().decode()
    assert "member1-0" in body and "member1-1" in body and "token.exchanged" in body
    assert "member2-0" not in body
    [told] = events("audit.exported")
    assert told["actor"]["sub"] == SUBS["member1"]


def test_nobody_downloads_anothers_history(client: Client) -> None:
    acts("member2", 1)
    sequencer.run_once()
    url = "/account/history/download/"
    assert client.post(url, {"format": "csv"})["Location"].startswith("/oidc/authenticate/")
    mia = signed_in("member1")
    assert mia.get(url).status_code == 405
    done = mia.post(url, {"format": "csv", "person": SUBS["member2"], "actor": SUBS["member2"]})
    assert b"member2-0" not in done.getvalue()
    job = ExportJob.objects.get()
    assert signed_in("member2").get(f"/audit/exports/{job.pk}/download").status_code == 403
    wrong = mia.post(url, {"format": "exe"}, follow=True)
    assert "Nothing was downloaded" in wrong.content.decode()


def test_a_members_three_own_pages_have_different_names_and_link_to_each_other() -> None:
    client = signed_in("member1")
    person = people_and_roles.find(settings.ENV.issuer, SUBS["member1"])
    assert person
    own = f"/people/{person.pk}/"
    names = {
        "/account/": "Profile and sign-in",
        "/connections/": "My connected accounts",
        own: "What acts for you",
    }
    said = set()
    for url, name in names.items():
        page = client.get(url).content.decode()
        main = page.partition("<main")[2]
        said.add(main.partition("<h1")[2].partition("</h1>")[0])
        assert f"<title>{name} · Auth0-ATA</title>" in page
        assert all(f'href="{other}"' in main for other in names if other != url)
    assert len(said) == len(names)
