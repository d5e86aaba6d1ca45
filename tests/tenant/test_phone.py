"""The phone that plays Guardian: whose it is, what it shows, who may answer on it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.tenant import Browser, LocalTenant
from tests.tenant.actors import DETAILS, INTENT_HASH, SUBS, Asker, Phone

CONTROL_TOKEN = "only-for-this-test"


@pytest.fixture
def asker(tenant_server: LocalTenant) -> Asker:
    """The application, at a time when nothing is open and nobody was notified lately."""
    tenant_server.advance(400)
    return Asker(tenant_server)


def test_every_demo_person_has_a_phone(browser: Browser) -> None:
    page = browser.get("/phone/")
    assert "Choose a phone" in page.text
    for name in SUBS:
        assert f"{name}@acme.example" in page.text


def test_the_signed_in_person_gets_their_own_phone(browser: Browser) -> None:
    browser.sign_in(browser.get("/u/login"), SUBS["member1"])
    page = browser.get("/phone/")
    assert "Mia’s phone" in page.text
    assert "Nothing to approve" in page.text
    assert "Choose a phone" in browser.get("/phone/?all").text


def test_a_phone_not_picked_up_tells_only_how_much_waits(asker: Asker, browser: Browser) -> None:
    asker.ask()
    locked = browser.get(f"/phone/{SUBS['operator']}/")
    assert "1 request waits" in locked.text
    assert "42-17-08" not in locked.text
    assert "pdf-exfil" not in locked.text
    assert browser.get(f"/phone/{SUBS['operator']}/feed").status_code == 403


def test_the_phone_shows_code_asker_sentence_and_properties_in_display_order(
    asker: Asker, browser: Browser
) -> None:
    asker.ask()
    text = Phone(browser, "operator").pick_up().text
    assert '<p class="code">42-17-08</p>' in text
    assert "<strong>Auth0-ATA</strong> asks you, Olu" in text
    where = "Approvals in Auth0-ATA must show this request with this same code. If not, deny."
    assert where in text
    assert "<h2>Block skill pdf-exfil on all gateways</h2>" in text
    assert re.findall(r"<dt>([^<]+)</dt>", text) == ["Act", "Target", "Intent"]
    assert "&lt;b&gt;pdf-exfil&lt;/b&gt;" in text
    assert f'<dd class="evidence">{INTENT_HASH}</dd>' in text
    assert "not for the screen" not in text
    assert re.search(r"(5:00|4:5\d) left to answer", text)


def test_a_request_without_details_says_who_wants_what(asker: Asker, browser: Browser) -> None:
    asker.ask(authorization_details=None, audience=None, scope="openid profile")
    text = Phone(browser, "operator").pick_up().text
    assert "<h2>Let Auth0-ATA act for you?</h2>" in text
    assert "The page that asked must show this same code." in text
    assert "<dd>profile</dd>" in text


def test_answers_and_expiries_stay_in_the_history(asker: Asker, browser: Browser) -> None:
    phone = Phone(browser, "operator")
    phone.pick_up()
    for code in ("11-11-11", "22-22-22", "33-33-33"):
        asker.ask(binding_message=code, requested_expiry="60")
        if code == "11-11-11":
            assert "Approved." in phone.approve().text
        if code == "22-22-22":
            assert "Denied." in phone.deny("not my code").text
    asker.tenant.advance(61)
    text = browser.get(phone.path).text
    assert "Nothing to approve" in text
    past = re.findall(r'<li class="(\w+)">.*?<code>([^<]+)</code>', text)[:3]
    assert past == [("expired", "33-33-33"), ("denied", "22-22-22"), ("approved", "11-11-11")]
    assert "“not my code”" in text


def test_the_newest_open_request_stands_first(asker: Asker, browser: Browser) -> None:
    phone = Phone(browser, "operator")
    phone.pick_up()
    for code in ("11-11-11", "22-22-22"):
        asker.ask(binding_message=code)
    codes = re.findall(r'<p class="code">([^<]+)</p>', browser.get(phone.path).text)
    assert codes == ["22-22-22", "11-11-11"]


def test_the_feed_answers_204_until_something_changes(asker: Asker, browser: Browser) -> None:
    phone = Phone(browser, "operator")
    phone.pick_up()
    feed = f"{phone.path}feed"
    version = browser.get(feed).headers["X-Screen-Version"]
    assert browser.get(f"{feed}?seen={version}").status_code == 204
    asker.ask()
    changed = browser.get(f"{feed}?seen={version}")
    assert changed.status_code == 200
    assert "42-17-08" in changed.text
    assert changed.headers["X-Screen-Version"] != version


def test_holding_one_phone_answers_for_nobody_else(asker: Asker, browser: Browser) -> None:
    asker.ask("operator2")
    mine = Phone(browser, "operator")
    mine.pick_up()
    consent = asker.logged("ciba_start_succeeded")[0]["transaction_linking_id"]
    csrf = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', browser.get(mine.path).text)
    assert csrf
    for person in ("operator2", "operator"):
        answer = browser.http.post(
            f"/phone/{SUBS[person]}/{consent}/approve",
            data={"csrfmiddlewaretoken": csrf[1]},
            headers={"Origin": browser.url},
        )
        assert answer.status_code == {"operator2": 403, "operator": 404}[person]


def test_an_answer_without_the_forms_own_token_is_refused(asker: Asker, browser: Browser) -> None:
    asker.ask()
    phone = Phone(browser, "operator")
    phone.pick_up()
    [consent] = phone.waiting()
    answer = browser.http.post(f"{phone.path}{consent}/approve", headers={"Origin": browser.url})
    assert answer.status_code == 403
    assert phone.waiting() == [consent]


def test_without_scripts_the_phone_offers_a_way_to_look_again(browser: Browser) -> None:
    page = Phone(browser, "operator").pick_up()
    link = re.search(r"<noscript>.*?href=\"([^\"]+)\"", page.text)
    assert link
    assert browser.get(link[1]).status_code == 200
    assert "http-equiv" not in page.text


def test_putting_a_phone_down_locks_it(browser: Browser) -> None:
    phone = Phone(browser, "operator")
    page = phone.pick_up()
    csrf = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert csrf
    browser.http.post(
        f"{phone.path}put-down",
        data={"csrfmiddlewaretoken": csrf[1]},
        headers={"Origin": browser.url},
    )
    assert "Unlock" in browser.get(phone.path).text


def test_an_unknown_persons_phone_does_not_exist(browser: Browser) -> None:
    assert browser.get("/phone/nobody@acme.example/").status_code == 404


def test_a_phone_is_also_found_by_e_mail_address(browser: Browser) -> None:
    assert "Olu’s phone" in browser.get("/phone/operator@acme.example/").text


def test_pages_of_the_phone_run_no_inline_script_or_style(asker: Asker, browser: Browser) -> None:
    asker.ask()
    page = Phone(browser, "operator").pick_up()
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert " style=" not in page.text
    assert re.findall(r"<script(?![^>]*\ssrc=)", page.text) == []


@pytest.fixture(scope="module")
def controlled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTenant]:
    """A tenant whose control token is known and whose polls need no waiting."""
    tenant = LocalTenant(
        tmp_path_factory.mktemp("controlled"),
        extra_env={"TENANT_CONTROL_TOKEN": CONTROL_TOKEN, "TENANT_CIBA_INTERVAL_S": "0"},
    )
    try:
        yield tenant.start()
    finally:
        tenant.stop()


def answer_by_control(tenant: LocalTenant, consent: str, word: str, token: str) -> int:
    return httpx.post(
        f"{tenant.url}/phone/{SUBS['operator']}/{consent}/{word}",
        headers={"Tenant-Control-Token": token},
        data={"reason": "scripted"},
    ).status_code


def test_the_control_token_answers_as_the_person_once(controlled: LocalTenant) -> None:
    asker = Asker(controlled)
    for word, status in (("approve", 200), ("deny", 400)):
        request = asker.ask()
        consent = asker.logged("ciba_start_succeeded")[0]["transaction_linking_id"]
        assert answer_by_control(controlled, consent, word, "wrong") == 403
        assert asker.poll(request).json()["error"] == "authorization_pending"
        assert answer_by_control(controlled, consent, word, CONTROL_TOKEN) == 204
        assert answer_by_control(controlled, consent, word, CONTROL_TOKEN) == 409
        assert asker.poll(request).status_code == status


def test_without_a_control_token_in_the_environment_none_is_right(asker: Asker) -> None:
    asker.ask()
    consent = asker.logged("ciba_start_succeeded")[0]["transaction_linking_id"]
    assert answer_by_control(asker.tenant, consent, "approve", "") == 403


def test_approving_twice_at_once_hands_out_one_answer(controlled: LocalTenant) -> None:
    asker = Asker(controlled)
    request = asker.ask(authorization_details=json.dumps(DETAILS))
    consent = asker.logged("ciba_start_succeeded")[0]["transaction_linking_id"]
    answer_by_control(controlled, consent, "approve", CONTROL_TOKEN)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: asker.poll(request).status_code, range(8)))
    assert sorted(answers) == [200] + [401] * 7
