"""Pages of settings: the table, asking for a baseline, home, and what agents may use."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts.models import SignedInSession
from approvals import clock
from approvals.models import Approval
from enforcement.gateways.reported_settings import ReportedSettings
from enforcement.models import Outpost, OutpostState, PostureBaseline, PostureDifference, Watch
from enforcement.posture import drift, reported_by_gateway
from tests.enforcement import gateway_statuses
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import known

SETTINGS = "/enforcement/fleet/edge-1/settings/"
BASELINE = "/enforcement/fleet/edge-1/baseline/"
EFFECTS = "/enforcement/effects/"
FORM = {
    "base": "0",
    "setting": ["guardrail", "mode.codex", "version"],
    "value": ["on", "action", ""],
    "reason": "as set up",
}


@pytest.fixture(autouse=True)
def edge(db: None, tmp_path: Path, settings: LazySettings) -> None:
    """A file that names edge-1, which answered just now."""
    settings.VAR_DIR = tmp_path
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "instances.toml").write_text(
        '[[instance]]\nname = "edge-1"\nbase_url = "http://127.0.0.1:9"\n'
    )
    now = clock.now()
    found = reported_by_gateway.settings_in(gateway_statuses.head())
    Watch.objects.create(name="edge-1", posture=found, last_seen=now, due=now)
    known("admin2", "admin", name="Anna Admin")


def approve_directly(**settings: str) -> None:
    """As if this had been approved."""
    PostureBaseline.objects.create(
        instance="edge-1", number=1, settings=settings, operation="o", created=clock.now()
    )
    drift.update("edge-1", clock.now())


def admin(*, fresh: bool = True, csrf: bool = False) -> Client:
    client = browser("admin", "admin", name="Amir Admin", csrf=csrf)
    SignedInSession.objects.update(amr=["pwd", "mfa"], auth_time_said=True)
    if not fresh:
        SignedInSession.objects.update(auth_time=clock.now() - timedelta(hours=1))
    return client


def body(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return re.sub(r"<[^>]+>|\s+", " ", answer.content.decode())


def test_the_page_of_gateways_shows_differences_first_and_links_the_rest() -> None:
    client = browser("operator", "operator")
    assert "none approved yet differences are not recorded: an admin can approve them" in re.sub(
        r"\s+", " ", body(client, "/enforcement/fleet/")
    )
    text = re.sub(r" +", " ", body(client, SETTINGS))
    assert "Guardrail on its API" in text and "not judged" not in text
    assert "edge-1 was not asked yet, and no settings are approved yet" in text
    assert "Codex mode" in text and "Approved" not in text.partition("Setting Seen From")[0]
    approve_directly(
        **{"mode.claudecode": "action", "mode.codex": "action", "destination.siem": "on"}
    )
    text = body(client, "/enforcement/fleet/")
    text = re.sub(r"\s+", " ", text)
    assert "1 setting not as approved, which weakens edge-1 :" in text.replace(
        "edge-1:", "edge-1 :"
    )
    assert "Codex mode is observe, approved is action. Less may be stopped there." in text
    assert (
        "What helps: set it back on that machine, or ask an admin to approve what is set now."
        in text
    )
    text = re.sub(r" +", " ", body(client, SETTINGS))
    assert text.index("Codex mode") < text.index("Claude Code mode")
    assert "weaker Codex mode action observe its API" in text
    assert "Guardrail not judged on its API" in text
    groups = [text.index(one) for one in ("Not as approved", "As approved", "Not in the baseline")]
    assert groups == sorted(groups) and "edge-1 was not asked yet, and 1 setting differs" in text


def test_a_gateway_that_was_not_read_lately_is_not_called_as_approved() -> None:
    approve_directly(**{"mode.claudecode": "action", "mode.codex": "observe"})
    Watch.objects.update(last_seen=clock.now() - timedelta(minutes=5))
    client = browser("auditor", "auditor")
    assert "not known now" in body(client, "/enforcement/fleet/")
    text = body(client, SETTINGS)
    assert "and its settings are not known now" in text and "Approved, not known now" in text


def test_an_admin_accepts_what_is_seen_and_the_request_shows_before_and_after() -> None:
    client = admin()
    page = client.get(BASELINE).content.decode()
    assert (
        "Approve the settings of edge-1</h1>" in page and "Nothing changes at the gateway" in page
    )
    assert "Filled in as it is now" in page and 'value="mode.codex"' in page
    answer = client.post(BASELINE, FORM)
    asked = Approval.objects.get()
    assert answer.status_code == 302 and asked.params["settings"] == {
        "guardrail": "on",
        "mode.codex": "action",
    }
    approve_directly(**{"mode.codex": "observe"})
    assert "Change the approved settings of edge-1" in body(client, BASELINE)
    again = FORM | {"base": "1", "setting": ["mode.codex"], "value": ["action"]}
    assert client.post(BASELINE, again).status_code == 302
    second = Approval.objects.latest("created")
    text = re.sub(r" +", " ", body(client, f"/approvals/{second.pk}/"))
    assert "Changed: Mode of Codex before: observe after: action" in text


@pytest.mark.parametrize(
    ("sent", "status", "says"),
    [
        ({"value": ["maybe", "action", ""]}, 422, "Guardrail is one of: on, off"),
        ({"base": "7"}, 409, "changed meanwhile"),
        ({"base": "none"}, 422, ""),
        ({"setting": []}, 422, ""),
    ],
)
def test_a_form_that_cannot_be_keeps_what_was_typed(
    sent: dict[str, object], status: int, says: str
) -> None:
    answer = admin().post(BASELINE, FORM | sent)
    assert answer.status_code == status and not Approval.objects.exists()
    assert says in answer.content.decode() and "as set up" in answer.content.decode()


def test_the_baseline_is_asked_for_by_nobody_else() -> None:
    assert Client().post(BASELINE, FORM).status_code in {302, 401, 403}
    for who, role in (("operator", "operator"), ("auditor", "auditor"), ("member1", "member")):
        roles = () if role == "member" else (role,)
        assert browser(who, *roles).post(BASELINE, FORM).status_code == 403
    client = admin()
    assert client.post("/enforcement/fleet/none/baseline/", FORM).status_code == 404
    assert client.put(BASELINE).status_code == 405
    assert client.post(SETTINGS, FORM).status_code == 405
    assert browser("member2").get(SETTINGS).status_code == 403
    assert not Approval.objects.exists()


def test_a_stale_session_and_a_missing_token_change_nothing() -> None:
    assert admin(csrf=True).post(BASELINE, FORM).status_code == 403
    SignedInSession.objects.all().delete()
    assert admin(fresh=False).post(BASELINE, FORM).status_code == 401
    assert not Approval.objects.exists()


def test_home_of_admins_and_operators_names_the_gateways() -> None:
    assert "Gateways not set as approved" not in body(browser("operator", "operator"), "/")
    approve_directly(**{"mode.claudecode": "action", "mode.codex": "action"})
    assert PostureDifference.objects.exists()
    SignedInSession.objects.all().delete()
    assert "edge-1: Mode of Codex is observe" in body(browser("operator", "operator"), "/")
    assert "edge-1: Mode of Codex is observe" in body(browser("admin", "admin"), "/")


def test_any_name_is_answered_for_each_gateway_agent_and_way() -> None:
    status = gateway_statuses.head()
    Watch.objects.update(
        settings=ReportedSettings.from_status(status).as_json(), listed_at=clock.now()
    )
    client = browser("operator", "operator")
    asked = re.sub(r"\s+", " ", body(client, EFFECTS))
    assert "Enter a name to check whether agents can use it Of a skill, MCP server" in asked
    text = re.sub(r" +", " ", body(client, f"{EFFECTS}?kind=skill&name=nobody-knows-this"))
    assert "Nothing here knows this name" in text
    assert "edge-1 Claude Code Skill tool unknown whether it is disabled there" in text
    assert "edge-1 Codex reading of its files open Auth0-ATA" in text  # and no reason after it
    Watch.objects.update(
        blocked=[{"kind": "tool", "name": "Bash", "reason": ""}], last_seen=clock.now()
    )
    text = re.sub(r" +", " ", body(client, f"{EFFECTS}?kind=tool&name=Bash"))
    assert "Nothing here knows" not in text and "edge-1 Claude Code calls stopped" in text
    Watch.objects.update(last_seen=clock.now() - timedelta(minutes=5))
    text = re.sub(r" +", " ", body(client, f"{EFFECTS}?kind=tool&name=Bash"))
    assert "edge-1 Claude Code all unknown" in text and "was last read on" in text


@pytest.mark.parametrize(
    "query", ["kind=skill", "kind=skill&name=a%07", "name=x", "kind=page&name=x"]
)
def test_a_question_without_a_kind_or_name_says_what_is_missing(query: str) -> None:
    answer = browser("operator", "operator").get(f"{EFFECTS}?{query}")
    assert answer.status_code == 422 and "mistake" in answer.content.decode()


def test_odd_names_are_answered_too() -> None:
    client = browser("auditor", "auditor")
    for name in ("..", "@codex/Bash", "<script>", "mcp://codex/github", "naïve ✓", "x" * 300):
        assert client.get(EFFECTS, {"kind": "mcp", "name": name}).status_code == 200
    assert browser("member1").get(EFFECTS).status_code == 403


def test_a_gateway_with_an_outpost_is_answered_by_what_it_reported_lately() -> None:
    now = clock.now()
    outpost = Outpost.objects.create(
        id="0" * 32,
        public_key="k",
        instance="edge-9",
        generation="head",
        enrolled_at=now,
        reported_at=now,
    )
    entry = {"target_type": "tool", "target_name": "Bash", "actions_json": '{"install":"block"}'}
    OutpostState.objects.create(
        outpost=outpost, config=gateway_statuses.OUTPOST_CONFIG, entries=[entry], at=now
    )
    client = browser("operator", "operator")
    text = re.sub(r" +", " ", body(client, f"{EFFECTS}?kind=tool&name=Bash"))
    assert "edge-9 Claude Code calls stopped" in text
    Outpost.objects.update(reported_at=now - timedelta(minutes=5))
    text = re.sub(r" +", " ", body(client, f"{EFFECTS}?kind=tool&name=Bash"))
    assert "Not known at edge-9: its outpost did not report lately." in text
