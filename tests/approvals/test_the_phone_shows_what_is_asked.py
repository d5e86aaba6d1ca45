"""What the approver reads on the phone: everything they decide on, whole, as Auth0 carries it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape

import pytest

from approvals import policy
from approvals.models import Approval, Ask
from approvals.pipeline import recheck
from approvals.step_up import authorization_details
from audit.ledger.format import safe_display
from audit.recording.actors import Actor
from tests.approvals.asking import ask
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import Phones
from tests.approvals.test_approvals_pages import text
from tests.support.pages import signed_in

type Work = Callable[..., None]
RISK = "Critical: it is not undone automatically; raised from Low by the requester"


def ask_of(approval: Approval) -> Ask:
    current = approval.current
    assert current is not None
    return current


def rows(found: list[authorization_details.Detail]) -> list[tuple[str, str]]:
    """Label and value of what is displayed, in display order."""
    shown = [one for one in found[0]["properties"].values() if one["display"]]
    return [(one["name"], one["value"]) for one in sorted(shown, key=lambda o: o["display_order"])]


def test_risk_reason_requester_and_which_of_how_many_stand_in_order(
    lamps: Lamps, olu: Actor, oona: Actor
) -> None:
    approval = ask(olu, reason="reads the clipboard")
    shown = rows(authorization_details.for_ask(ask_of(approval)))
    assert [label for label, _ in shown][:3] == ["Risk", "Reason", "Requested by"]
    assert shown[-1][0] == "Request" and shown[-1][1].endswith("1 of 1")
    assert dict(shown)["Risk"] == RISK
    assert dict(shown)["Reason"] == "“reads the clipboard”"
    assert dict(shown)["Requested by"] == "“Olu Operator”"
    hidden = authorization_details.for_ask(ask_of(approval))[0]["properties"]["intent_hash"]
    assert hidden["value"] == approval.intent_hash and hidden["display"] is False


@pytest.mark.parametrize("length", [255, 256, 400, 500])
def test_no_sentence_is_cut(lamps: Lamps, olu: Actor, oona: Actor, length: int) -> None:
    approval = ask(olu)
    words = ("https://www.googleapis.com/auth/drive.readonly " * 20)[: length - 1] + "."
    Approval.objects.filter(pk=approval.pk).update(sentence=words)
    found = authorization_details.for_ask(ask_of(Approval.objects.get(pk=approval.pk)))
    rest = dict(rows(found)).get("(continued)", "")
    assert f"{found[0]['instruction']} {rest}".split() == words.split() or (
        found[0]["instruction"] + rest == words
    )


def test_it_keeps_to_what_auth0_carries(lamps: Lamps, olu: Actor, oona: Actor) -> None:
    approval = ask(olu, reason="é" * 2000)
    Approval.objects.filter(pk=approval.pk).update(sentence="x" * 500)
    found = authorization_details.for_ask(ask_of(Approval.objects.get(pk=approval.pk)))
    properties = found[0]["properties"]
    assert len(properties) <= 10
    assert all(len(one["value"]) <= 255 for one in properties.values())
    assert len(json.dumps(found, ensure_ascii=False).encode()) <= 5 * 1024
    assert dict(rows(found))["Reason"].endswith("” … (cut: read the rest in the portal)")


def test_the_phone_shows_them(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    ask(olu, reason="reads the clipboard")
    work()
    page = phones.page("operator2")
    assert re.search(rf"<dt>Risk</dt>\s*<dd>{RISK}</dd>", page)
    assert "reads the clipboard" in page and "Olu Operator" in page and "1 of 1" in page


def on_page(approval: Approval) -> list[tuple[str, str]]:
    """Label and text of each row that the portal's page shows of what the approver reads."""
    body = signed_in("operator", "operator").get(f"/approvals/{approval.pk}/").content.decode()
    listed = re.search(r'<dl class="dl facts-approved".*?</dl>', body, re.S)
    assert listed
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)(?:<details.*?)?</dd>", listed[0], re.S)
    return [(unescape(label), unescape(re.sub(r"<[^>]+>", "", said))) for label, said in found]


@pytest.mark.parametrize("reason", ["reads the clipboard", "é " * 300, ""])
def test_page_and_phone_show_the_same_rows_in_the_same_order(
    lamps: Lamps, olu: Actor, oona: Actor, reason: str
) -> None:
    approval = ask(olu, reason=reason)
    Approval.objects.filter(pk=approval.pk).update(account="Mia Member's GitHub account octo")
    approval = Approval.objects.get(pk=approval.pk)
    shown = rows(authorization_details.for_ask(ask_of(approval)))
    assert on_page(approval) == shown
    assert [label for label, _ in shown] == [
        *("Risk", "Account", "Reason", "Requested by", "If approved", "If denied", "Request")
    ]


def test_what_a_phone_cannot_show_is_whole_in_the_portal(
    lamps: Lamps, olu: Actor, oona: Actor
) -> None:
    approval = ask(olu, reason="word " * 80 + "end")
    page = signed_in("operator", "operator").get(f"/approvals/{approval.pk}/")
    assert "word " * 80 + "end" in text(page)


@pytest.fixture
def by_agent(lamps: Lamps, olu: Actor, oona: Actor) -> Callable[[str], dict[str, str]]:
    """The rows of what an agent of Olu asks for with a reason."""

    def of(reason: str) -> dict[str, str]:
        approval = ask(replace(olu, via="broker", agent="codex"), reason=reason)
        return dict(rows(authorization_details.for_ask(ask_of(approval))))

    return of


def test_an_agents_reason_is_quoted_and_marked_as_not_verified(
    by_agent: Callable[[str], dict[str, str]],
) -> None:
    shown = by_agent("Remove four archived\ndemo repositories")
    assert shown["Reason"] == (
        "“Remove four archived demo repositories” (the agent’s own words, not verified)"
    )
    assert shown["Requested by"] == "“codex” (name not proven), an agent of “Olu Operator”"


HOSTILE = "Olu Operator (approved by security)"


def requested_by(approval: Approval) -> str:
    return dict(rows(authorization_details.for_ask(ask_of(approval))))["Requested by"]


@pytest.mark.parametrize("name", [HOSTILE, "Mia. Approve to continue", "Olu\nRisk: Low", "Olu ” x"])
def test_who_requests_is_quoted_where_it_could_read_as_our_words(
    lamps: Lamps, olu: Actor, oona: Actor, name: str
) -> None:
    quoted = safe_display.person_in_sentence(name)
    assert requested_by(ask(replace(olu, name=name))) == quoted and quoted[0] == "“"
    agent = safe_display.in_sentence(name)
    shown = requested_by(
        ask(replace(olu, name=name, via="broker", agent=name), "lamp.allow", reason="x")
    )
    assert shown == f"{agent}{_beware(name)} (name not proven), an agent of {quoted}"
    assert on_page(Approval.objects.latest("created"))[2] == ("Requested by", shown)


def _beware(name: str) -> str:
    return f" ⚠ {beware}" if (beware := safe_display.warning(name)) else ""


@pytest.mark.parametrize("length", [10, 200, 300])
def test_who_requests_fits_its_column(lamps: Lamps, olu: Actor, oona: Actor, length: int) -> None:
    long = "dеploy. Approve to continue. " * (length // 25 + 1)
    approval = ask(replace(olu, name=long[:length], via="broker", agent=long[:length]))
    assert 0 < len(approval.requested_by) <= 255
    assert approval.requested_by.count("“") == approval.requested_by.count("”")


def test_a_request_that_waited_while_the_portal_was_updated_keeps_its_words(
    lamps: Lamps, olu: Actor, oona: Actor
) -> None:
    approval = ask(replace(olu, name=HOSTILE))
    Approval.objects.filter(pk=approval.pk).update(requested_by="")  # as the version before stored
    approval = Approval.objects.get(pk=approval.pk)
    assert requested_by(approval) == HOSTILE


def test_a_row_with_another_requester_than_was_recorded_is_not_approved(
    lamps: Lamps, olu: Actor, oona: Actor
) -> None:
    approval = ask(olu)
    assert recheck.intent_broken(approval) == ""
    approval.requested_by = "Oona Operator"
    approval.save(update_fields=["requested_by"])
    assert recheck.intent_broken(approval) == "intent_differs"


@pytest.mark.parametrize("column", ["requested_by", "sentence", "reason", "risk", "if_approved"])
@pytest.mark.parametrize("words", ["Oona Operator, security lead [erased]", "[erased]"])
def test_words_that_no_erasure_took_are_not_excused_by_its_mark(
    lamps: Lamps, olu: Actor, oona: Actor, column: str, words: str
) -> None:
    approval = ask(olu, reason="reads the clipboard")
    Approval.objects.filter(pk=approval.pk).update(**{column: words})
    assert recheck.no_longer_true(Approval.objects.get(pk=approval.pk)) == "intent_differs"


@pytest.mark.parametrize(
    "change",
    [
        None,
        {"name": "Oona Operator"},
        {"name": "Olu [erased]"},
        {"via": "web"},
        {"agent": "codex"},
        {"sub": "auth0|another"},
        {"iss": "https://another/"},
    ],
)
def test_a_row_whose_requester_was_altered_is_not_approved(
    lamps: Lamps, olu: Actor, oona: Actor, change: dict[str, str] | None
) -> None:
    asking = replace(olu, via="broker", agent="claudecode")
    approval = ask(asking, "lamp.allow", reason="x")
    assert recheck.no_longer_true(approval) == ""
    altered = {} if change is None else {**approval.requester, **change}
    Approval.objects.filter(pk=approval.pk).update(requester=altered)
    assert recheck.no_longer_true(Approval.objects.get(pk=approval.pk)) == "intent_differs"


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("see https://evil.example/a?b and www.evil.example", "see (link removed) and (link rem"),
        ("safe\u202eexe", "⟨U+202E⟩"),
        ("ok” — If denied: it runs on “", '“ok" — If denied: it runs on "”'),
        ("\u0410pproved by Oona", "⚠ some letters look like others"),
        ("x" * 200, "” … (cut: read the rest in the portal)"),
    ],
)
def test_an_agents_reason_cannot_mislead_by_how_it_looks(
    by_agent: Callable[[str], dict[str, str]], reason: str, said: str
) -> None:
    shown = by_agent(reason)["Reason"]
    assert said in shown and "evil" not in shown and shown.endswith("not verified)")
    assert len(shown) <= 255


def test_the_rest_of_an_agents_long_reason_is_in_the_portal(
    by_agent: Callable[[str], dict[str, str]],
) -> None:
    by_agent("word " * 40 + "end")
    page = signed_in("operator", "operator").get(f"/approvals/{Approval.objects.get().pk}/")
    assert "word " * 40 + "end” (the agent’s own words, not verified)" in text(page)


def test_the_first_of_two_reads_who_is_next_and_that_both_have_to_approve(
    lamps: Lamps, olu: Actor, oona: Actor
) -> None:
    approval = ask(olu)
    first = ask_of(approval)
    approval.rule["first"] = {"iss": first.person.iss, "sub": first.person.sub}
    approval.save(update_fields=["rule"])
    shown = dict(rows(authorization_details.for_ask(ask_of(approval))))
    who = policy.who_is_next(approval.rule)
    assert who == "an operator other than the owner"
    assert shown["Request"].endswith(", 1 of 2; then an operator other than you")
    assert shown["If approved"] == "After both approvals: The lamp stays dark."
