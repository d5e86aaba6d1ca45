"""A break-glass session is short and may read and restrict, nothing else."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.test import Client

from accounts.break_glass.accounts import Handed
from accounts.models import SignedInSession
from approvals.errors import Refused
from approvals.models import Approval, Person
from approvals.pipeline.service import perform
from audit.evidence import human_levels
from audit.recording.actors import Actor, Target
from enforcement.models import Asset
from tests.accounts.break_glass import HOST, Hands, inside, opened, try_
from tests.accounts.trail import events
from tests.support.pages import signed_in


def test_the_session_key_changes_and_whoever_was_in_before_is_out(night: Handed) -> None:
    client = signed_in("operator", "operator")
    before = client.session.session_key
    assert try_(night, client).status_code == 302
    assert client.session.session_key != before
    assert SignedInSession.objects.get().user.sub == "breakglass|night-shift"


# What it may do.


def test_it_ends_after_half_an_hour_however_busy(night: Handed, hands: Hands) -> None:
    client = inside(night)
    for _ in range(29):
        hands.pass_(minutes=1)
        assert client.get("/account/", HTTP_HOST=HOST).status_code == 200
    hands.pass_(minutes=1)
    assert client.get("/account/", HTTP_HOST=HOST).status_code == 302
    assert not SignedInSession.objects.exists()


def test_it_ends_when_the_door_is_closed(night: Handed, settings: Any) -> None:
    client = inside(night)
    opened(settings, None)
    assert client.get("/account/", HTTP_HOST=HOST).status_code == 302


def test_it_never_outlasts_the_door(night: Handed, settings: Any, hands: Hands) -> None:
    opened(settings, hands.now + timedelta(minutes=5))
    inside(night)
    assert SignedInSession.objects.get().ends_at == hands.now + timedelta(minutes=5)


def test_a_second_sign_in_ends_the_first_and_gets_no_more_than_its_own_time(night: Handed) -> None:
    first = inside(night)
    inside_again = Client()
    assert try_(night, inside_again, code=night.recovery[0]).status_code == 302
    assert first.get("/account/", HTTP_HOST=HOST).status_code == 302
    assert SignedInSession.objects.count() == 1


def test_removing_the_account_ends_its_session(night: Handed) -> None:
    client = inside(night)
    call_command("breakglass", "remove", "night-shift", stdout=StringIO())
    assert client.get("/account/", HTTP_HOST=HOST).status_code == 302


def test_it_reads_what_operators_and_auditors_read(night: Handed) -> None:
    client = inside(night)
    for path in ("/audit/", "/enforcement/", "/approvals/", "/audit/ledger/"):
        page = client.get(path, HTTP_HOST=HOST)
        assert page.status_code == 200, path
        assert "BREAK-GLASS SESSION" in page.content.decode(), path


def test_a_hold_is_taken_and_says_whose_word_it_is(night: Handed) -> None:
    client = inside(night)
    path = "/enforcement/skill/pdf-exfil/"
    answer = client.post(path, {"act": "hold", "reason": "night", "new": "on"}, HTTP_HOST=HOST)
    assert answer.status_code == 302, answer.content[:500]
    assert Asset.objects.get(name="pdf-exfil").holder
    [event] = events("skill.held")
    assert event["actor"]["name"] == "night-shift (break-glass)"
    assert human_levels.explain(event).code == "H0"


@pytest.mark.parametrize("act", ["block", "allow", "unblock", "release"])
def test_nothing_final_or_loosening_is_taken(night: Handed, act: str) -> None:
    client = inside(night)
    path = "/enforcement/skill/pdf-exfil/"
    client.post(path, {"act": act, "reason": "because"}, HTTP_HOST=HOST)
    assert not Approval.objects.exists()
    assert not [e for e in events() if e["action"].startswith("skill.")]


def test_the_page_offers_only_the_hold(night: Handed) -> None:
    page = inside(night).get("/enforcement/skill/pdf-exfil/", HTTP_HOST=HOST).content.decode()
    assert 'value="hold"' in page
    assert 'value="block"' not in page and 'value="allow"' not in page


@pytest.mark.parametrize(
    ("verb", "kind"),
    [
        ("skill.block", "skill"),
        ("skill.allow", "skill"),
        ("skill.release", "skill"),
        ("mcp.unblock", "mcp"),
        ("plugin.allow", "plugin"),
        ("tool.block", "tool"),
    ],
)
def test_the_pipeline_itself_refuses(verb: str, kind: str) -> None:
    actor = Actor(
        iss=django_settings.PORTAL_URL,
        sub="breakglass|night-shift",
        roles=frozenset({"operator", "auditor", "admin"}),
    )
    if verb == "skill.release":
        perform(actor, "skill.hold", Target(kind, "pdf-exfil"), reason="night")
    before = len(events())
    with pytest.raises(Refused) as refused:
        perform(actor, verb, Target(kind, "pdf-exfil"), reason="because")
    assert refused.value.code == "break_glass"
    assert "until the issuer answers" in refused.value.detail
    assert len(events()) == before


@pytest.mark.parametrize(
    "path",
    [
        "/connections/inventory/reconcile/",
        "/connections/notices/seen/",
        "/connections/connect/github/",
        "/account/sessions/end-others/",
        "/approvals/11111111-1111-4111-8111-111111111111/cancel/",
        "/approvals/11111111-1111-4111-8111-111111111111/denied/",
        "/connections/11111111-1111-4111-8111-111111111111/resume/",
    ],
)
def test_every_other_form_is_refused_in_words(night: Handed, path: str) -> None:
    answer = inside(night).post(path, {"reason": "because"}, HTTP_HOST=HOST)
    assert answer.status_code == 403
    assert "waits until the issuer answers again" in answer.content.decode()


def test_it_is_no_fresh_sign_in(night: Handed, settings: Any) -> None:
    client = inside(night)
    settings.ROOT_URLCONF = "tests.accounts.gated"
    for answer in (client.get("/gated/x/"), client.post("/gated/x/", {"words": "y"})):
        assert answer.status_code == 403
        assert (
            "until it answers again" in (text := answer.content.decode())
            or "until the issuer" in text
        )


def test_nobody_can_ask_such_a_person_for_an_approval(night: Handed) -> None:
    inside(night)
    assert not Person.objects.filter(iss=django_settings.PORTAL_URL).exists()


def test_signing_out_leads_home_and_not_to_an_issuer_that_is_away(night: Handed) -> None:
    client = inside(night)
    assert client.post("/oidc/logout/", HTTP_HOST=HOST)["Location"] == "/"
    assert not SignedInSession.objects.exists()
