"""The local sign-in for the day without issuer: off by default, hard to open, and loud."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client

from accounts.break_glass import accounts, credential_check
from accounts.break_glass.accounts import Handed
from accounts.models import BreakGlassAccount, BreakGlassTries, SignedInSession
from approvals import auth0_clients
from audit.evidence import human_levels
from portal.env import Env, EnvironmentRefused
from portal.production_checks import refusals
from tests.accounts.break_glass import HOST, PAGE, Hands, code_of, codes, inside, opened, try_
from tests.accounts.trail import events
from tests.attacks.sign_in.production import PRODUCTION
from tests.support.pages import signed_in

# Off.


@pytest.mark.parametrize("method", ["get", "post", "head", "put", "delete"])
def test_while_it_is_off_there_is_no_such_page(method: str) -> None:
    answer = getattr(Client(), method)(PAGE, HTTP_HOST=HOST)
    assert answer.status_code in {404, 405}
    assert events("breakglass.used") == []


def test_the_right_secrets_open_nothing_while_it_is_off(
    night: Handed, settings: Any, hands: Hands
) -> None:
    opened(settings, None)
    assert try_(night).status_code == 404
    opened(settings, hands.now - timedelta(seconds=1))
    assert try_(night).status_code == 404
    assert not SignedInSession.objects.exists()


def test_it_is_off_by_default() -> None:
    assert Env().breakglass_until is None


@pytest.mark.parametrize("text", ["yes", "on", "2026-11-25", "2026-11-25T18:00:00", "18:00Z"])
def test_a_time_that_is_none_is_refused_at_the_start(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from portal import env

    monkeypatch.setenv("BREAKGLASS_UNTIL", text)
    with pytest.raises(EnvironmentRefused, match="BREAKGLASS_UNTIL"):
        env.load()


def test_production_opens_it_for_hours_and_never_for_good() -> None:
    def reasons(hours: float, **changes: str) -> list[str]:
        until = (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
        return refusals(Env.model_validate(PRODUCTION | {"BREAKGLASS_UNTIL": until} | changes))

    assert reasons(71) == []
    [reason] = reasons(73)
    assert reason.startswith("BREAKGLASS_UNTIL must end within 72 hours")
    assert any("BREAKGLASS_UNTIL needs EVIDENCE_KEY" in r for r in reasons(1, EVIDENCE_KEY=""))
    same = reasons(1, AUTH0_ISSUER="https://portal.acme.example/")
    assert any("PORTAL_URL that is not AUTH0_ISSUER" in r for r in same)


# Opening.


def test_secret_and_code_open_a_short_labelled_session(night: Handed, hands: Hands) -> None:
    page = inside(night).get("/", HTTP_HOST=HOST).content.decode()
    assert "BREAK-GLASS SESSION" in page
    row = SignedInSession.objects.get()
    assert row.ends_at == hands.now + timedelta(minutes=30)
    assert row.amr == ["pwd", "mfa", "otp"] and not row.auth_time_said
    assert (row.user.iss, row.user.sub) == (
        django_settings.PORTAL_URL,
        "breakglass|night-shift",
    )


def test_each_use_is_an_alarm_on_record_that_proves_nobody(night: Handed) -> None:
    inside(night)
    [event] = events("breakglass.used")
    assert (event["outcome"], event["severity"]) == ("success", "CRITICAL")
    assert event["actor"]["iss"] == django_settings.PORTAL_URL
    assert event["actor"]["name"] == "night-shift (break-glass)"
    assert event["target"]["name"] == "night-shift"
    level = human_levels.explain(event)
    assert level.code == "H0", level.reasons


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"secret": "wrong"}, "wrong_secret"),
        ({"code": "000000"}, "wrong_code"),
        ({"code": "wxyz-wxyz-wxyz-wxyz"}, "wrong_code"),
        ({"name": "day-shift"}, "unknown_account"),
        ({"name": "Night-Shift"}, "unknown_account"),
        ({"name": ""}, "incomplete"),
        ({"secret": ""}, "incomplete"),
        ({"code": ""}, "incomplete"),
        ({"code": "١٢٣٤٥٦"}, "wrong_code"),
        ({"secret": "\udcff" * 3}, "wrong_secret"),
    ],
    ids=str,
)
def test_whatever_is_wrong_a_stranger_hears_the_same_and_the_trail_the_reason(
    night: Handed, changes: dict[str, str], code: str
) -> None:
    form = {name: value.encode("utf-8", "replace").decode() for name, value in changes.items()}
    answer = try_(night, Client(), **form)
    assert answer.status_code == 403
    assert "Not accepted." in answer.content.decode()
    assert codes() == [code]
    [event] = events("breakglass.used")
    assert (event["outcome"], event["severity"]) == ("failure", "CRITICAL")
    assert not SignedInSession.objects.exists()


def test_no_secret_and_no_code_reaches_page_or_trail(night: Handed) -> None:
    said = try_(night, code="271828").content.decode() + str(events())
    for secret in (night.secret, night.totp_secret, "271828", *night.recovery):
        assert secret not in said
    row = str(BreakGlassAccount.objects.values().get())
    assert night.secret not in row and night.totp_secret not in row
    assert not any(code in row for code in night.recovery)
    assert night.secret not in repr(night)


def test_a_code_counts_once(night: Handed, hands: Hands) -> None:
    first = code_of(night, hands.now)
    inside(night)
    assert try_(night, code=first).status_code == 403
    assert codes() == ["", "replayed_code"]
    hands.pass_(seconds=30)
    assert try_(night, code=first).status_code == 403  # still inside the window, and spent
    assert try_(night).status_code == 302


def test_an_older_code_does_not_count_after_a_newer_one(night: Handed, hands: Hands) -> None:
    older = code_of(night, hands.now - timedelta(seconds=30))
    inside(night)
    assert try_(night, code=older).status_code == 403
    assert codes()[-1] == "replayed_code"


def test_a_code_of_another_time_does_not_count(night: Handed, hands: Hands) -> None:
    for minutes in (-2, 2):
        late = code_of(night, hands.now + timedelta(minutes=minutes))
        assert try_(night, code=late).status_code == 403
    assert codes() == ["wrong_code", "wrong_code"]


def test_a_recovery_code_opens_once_however_it_is_typed(night: Handed) -> None:
    typed = f" {night.recovery[3].upper().replace('-', ' ')} "
    assert try_(night, code=typed).status_code == 302
    assert SignedInSession.objects.get().amr == ["pwd", "mfa", "recovery"]
    assert try_(night, code=typed).status_code == 403
    assert len(BreakGlassAccount.objects.get().recovery_macs) == accounts.RECOVERY_CODES - 1


def test_a_code_without_the_secret_opens_nothing_and_is_not_spent(night: Handed) -> None:
    assert try_(night, secret="guess", code=night.recovery[0]).status_code == 403
    assert try_(night, code=night.recovery[0]).status_code == 302


# Locks.


def test_after_five_failures_the_account_rests_for_a_quarter_of_an_hour(
    night: Handed, hands: Hands
) -> None:
    for _ in range(credential_check.LOCK_AFTER):
        try_(night, code="000000")
    assert try_(night).status_code == 403
    assert codes()[-1] == "locked"
    hands.pass_(minutes=15)
    assert try_(night).status_code == 302
    assert BreakGlassAccount.objects.get().failures == 0


def test_after_twenty_failures_only_the_machine_unlocks(night: Handed, hands: Hands) -> None:
    for _ in range(credential_check.LOCK_FOR_GOOD_AFTER):
        hands.pass_(minutes=16)
        try_(night, code="000000")
        cache.clear()
    hands.pass_(hours=-5)
    assert (
        credential_check.attempt("", "night-shift", night.secret, code_of(night, hands.now)).code
        == "locked"
    )
    call_command("breakglass", "unlock", "night-shift", stdout=StringIO())
    assert (
        credential_check.attempt("", "night-shift", night.secret, code_of(night, hands.now)).code
        == ""
    )


def test_a_crowd_of_failures_keeps_nobody_out_who_has_secret_and_code(night: Handed) -> None:
    few = credential_check.FAILURES_A_MINUTE
    empty = [Client().post(PAGE, {}, HTTP_HOST=HOST).status_code for _ in range(few + 1)]
    assert empty == [403] * few + [429], "one address"
    unknown = [
        try_(night, Client(REMOTE_ADDR=f"192.0.2.{n}"), name=f"guess-{n}").status_code
        for n in range(2 * few)
    ]
    assert unknown == [403] * (2 * few - 1) + [429], "all of them"
    assert try_(night).status_code == 302


def test_a_crowd_hears_the_same_of_an_account_and_of_none(night: Handed, hands: Hands) -> None:
    few = credential_check.FAILURES_A_MINUTE
    for changes in ({"secret": "wrong"}, {"name": "nobody"}, {"secret": ""}):
        hands.pass_(minutes=20)
        answers = [try_(night, None, **changes) for _ in range(few + 2)]
        assert [one.status_code for one in answers] == [403] * few + [429] * 2, changes
        assert {one.get("Retry-After") for one in answers[few:]} == {"60"}
        assert all("Not accepted." in one.content.decode() for one in answers)
        said = {one.content.decode().split("Too many tries")[-1][:60] for one in answers[few:]}
        assert said == {" failed within this minute. Not accepted. Check the name, the"[:60]}


def test_failures_beyond_those_of_a_minute_still_count_against_the_account(night: Handed) -> None:
    for _ in range(credential_check.FAILURES_A_MINUTE + 1):
        try_(night, name="")
    assert [try_(night, code="000000").status_code for _ in range(5)] == [429] * 5
    assert try_(night).status_code == 429, "it rests"


def test_unlocking_forgets_the_failures_of_this_minute(night: Handed) -> None:
    for _ in range(credential_check.FAILURES_A_MINUTE + 1):
        try_(night, code="000000")
    call_command("breakglass", "unlock", "night-shift", stdout=StringIO())
    assert not BreakGlassTries.objects.exists()
    assert try_(night, code="000000").status_code == 403
    assert try_(night).status_code == 302


# The form.


def test_a_form_from_elsewhere_opens_nothing(night: Handed) -> None:
    answer = try_(night, Client(enforce_csrf_checks=True))
    assert answer.status_code == 403
    assert "came from another site" in answer.content.decode()
    assert not SignedInSession.objects.exists() and codes() == []


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_refused(night: Handed, method: str) -> None:
    assert getattr(Client(), method)(PAGE, HTTP_HOST=HOST).status_code == 405


# Who is told.


@pytest.mark.parametrize("role", ["auditor", "admin"])
def test_home_of_auditors_and_admins_shows_uses_and_failures(night: Handed, role: str) -> None:
    try_(night, code="000000")
    inside(night)
    page = signed_in(role, role).get("/", HTTP_HOST=HOST).content.decode()
    panel = page.partition("Break-glass sign-ins")[2]
    words = re.sub(r"<[^>]+>", "", panel)
    assert "night-shift (break-glass) came in without the issuer" in words
    assert "Someone failed to come in by break-glass as night-shift" in words
    assert "The break-glass sign-in is open until" in page


def test_a_sign_in_that_fails_because_the_issuer_is_away_shows_the_open_door(
    night: Handed, settings: Any
) -> None:
    settings.ENV = settings.ENV.model_copy(update={"AUTH0_ISSUER": "http://localhost:9/"})
    auth0_clients.auth0.cache_clear()
    page = Client().get("/oidc/authenticate/", HTTP_HOST=HOST).content.decode()
    assert f'href="{PAGE}"' in page
    opened(settings, None)
    assert PAGE not in Client().get("/oidc/authenticate/", HTTP_HOST=HOST).content.decode()
    auth0_clients.auth0.cache_clear()


def test_members_are_not_told_that_the_door_is_open(night: Handed) -> None:
    page = signed_in("member1").get("/", HTTP_HOST=HOST).content.decode()
    assert "break-glass" not in page.lower()
