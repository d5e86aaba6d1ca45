"""The pages of gateways lead with how they are, and rows name their trouble and lead on."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client

from approvals import clock
from enforcement.effects import remedies
from enforcement.gateways import instances
from enforcement.gateways.last_contact import LastHeard
from enforcement.gateways.reported_settings import ReportedSettings
from enforcement.gateways.unmonitored_gateways import Deaf
from enforcement.models import Asset, Outpost, PostureBaseline, Watch
from enforcement.posture import reported_by_gateway
from enforcement.views import fleet, gateway_rows
from enforcement.views.baseline_comparison_rows import Posture, SettingRow
from enforcement.views.effects_of_decisions import reasons_of_each
from enforcement.views.gateway_rows import GatewayRow
from enforcement.views.outpost_lines import OutpostLine
from tests.enforcement import gateway_statuses
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import known

FLEET = "/enforcement/fleet/"
HEARD = LastHeard(True)
SILENT = Deaf("edge", "edge does not answer.", None, "all", silent=True)
UNREAD = Deaf("edge", "Its audit database is not read: x.", None, "all")
SUSPENDED = OutpostLine(Outpost(instance="edge"), "warn", "suspended", "Its reports are refused.")
BASELINE = PostureBaseline(instance="edge", number=1, settings={"guardrail": "on"})


def posture(tone: str = "", seen: str = "on", approved: str = "on") -> Posture:
    row = SettingRow("guardrail", "Guardrail", approved, seen, "its API", None, tone, seen)
    return Posture(BASELINE, [row], [("its API", clock.now())] if seen else [])


def one(state: str, name: str = "edge", **other: object) -> GatewayRow:
    values: dict[str, object] = {
        "name": name,
        "instance": instances.known_by_outpost(name),
        "state": state,
        "heard": HEARD,
        "deaf": [],
        "reading": {},
        "watch": None,
        "posture": Posture(None, [], []),
        "outpost": None,
        "pushes": {},
        "waiting": 0,
        "findings": 0,
    }
    return GatewayRow(**(values | other))  # type: ignore[arg-type]


def offline(*, answers: bool | None = False) -> GatewayRow:
    return one("offline", deaf=[SILENT], heard=LastHeard(answers))


UP = one("online")
SET = one("online", posture=posture())


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([UP], "edge is online, but no settings are approved yet"),
        ([UP, UP], "Both gateways are online, but no settings are approved yet"),
        ([SET, SET, SET], "All 3 gateways are online"),
        ([SET, UP, SET], "All 3 gateways are online, but the settings of 1 are not approved yet"),
        ([UP, UP, offline()], "1 of 3 gateways is offline"),
        ([UP, offline(), offline()], "2 of 3 gateways are offline"),
        ([offline()], "edge is offline"),
        ([offline(answers=True)], "Nothing was heard of edge for over a minute"),
        ([offline(answers=True)] * 3, "Nothing was heard of all 3 gateways for over a minute"),
        ([offline(answers=True), offline(), UP], "2 of 3 gateways are offline"),
        ([one("deaf", deaf=[UNREAD]), UP], "1 of 2 gateways is not read in full"),
        ([one("", deaf=[UNREAD]), UP], "1 of 2 gateways is not read in full"),
        ([one("deaf", deaf=[UNREAD]), offline()], "1 of 2 gateways is offline"),
        ([UP, one("", instance=None)], "1 of 2 gateways is not reached by decisions"),
        ([UP, one("online", outpost=SUSPENDED)], "1 of 2 gateways has a problem"),
        ([one("online", pushes={"bad": True})] * 2, "Both gateways have a problem"),
        ([UP, one("")], "1 of 2 gateways was not asked yet"),
        ([one(""), one("")], "Both gateways were not asked yet"),
        ([UP, one("online", posture=posture("bad"))], "1 of 2 gateways is not set as approved"),
    ],
)
def test_the_list_leads_with_the_gravest_and_how_many(rows: list[GatewayRow], says: str) -> None:
    assert gateway_rows.title_of(rows) == says


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (UP, "edge is online, but no settings are approved yet"),
        (offline(), "edge is offline, and no settings are approved yet"),
        (
            offline(answers=True),
            "edge was not heard of for over a minute, and no settings are approved yet",
        ),
        (one("online", posture=posture()), "edge is online, and set as approved"),
        (
            one("online", posture=posture("bad", "off")),
            "edge is online, and 1 setting differs from what was approved",
        ),
        (
            one("online", posture=posture(seen="")),
            "edge is online, and its settings are not known now",
        ),
        (one("online", outpost=SUSPENDED), "edge has a problem, and no settings are approved yet"),
    ],
)
def test_the_page_of_a_gateway_leads_with_its_state_and_settings(
    row: GatewayRow, says: str
) -> None:
    assert row.title == says


def test_settings_that_cannot_be_read_are_not_called_as_approved() -> None:
    found = posture()
    found.rows.append(SettingRow("mode.codex", "Codex mode", "action", "", "", None, "", ""))
    title = one("online", posture=found).title
    assert title == "edge is online, and 1 approved setting is not known"


def test_gateways_with_trouble_come_first() -> None:
    troubled = one("online", "b", outpost=SUSPENDED)
    rows = [UP, one("", "c"), troubled, one("offline", "a", deaf=[SILENT])]
    assert [row.name for row in sorted(rows, key=gateway_rows.rank)] == ["a", "b", "c", "edge"]
    assert gateway_rows.states_of(rows) == ["2 online", "1 offline", "1 not asked yet"]


@pytest.fixture
def file(db: None, tmp_path: Path, settings: LazySettings) -> Path:
    settings.VAR_DIR = tmp_path
    (tmp_path / "demo").mkdir()
    file = tmp_path / "demo" / "instances.toml"
    file.write_text('[[instance]]\nname = "edge-1"\nbase_url = "http://127.0.0.1:9"\ndemo = true\n')
    return file


def shown(client: Client, path: str = FLEET) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def headline(client: Client, path: str = FLEET) -> str:
    found = re.search(r"(?s)<h1[^>]*>(.*?)</h1>", client.get(path).content.decode())
    assert found is not None
    return re.sub(r"<[^>]+>", "", found[1])


def test_a_row_has_the_facts_and_leads_to_the_page_of_its_gateway(file: Path) -> None:
    now = clock.now()
    found = reported_by_gateway.settings_in(gateway_statuses.head())
    Watch.objects.create(
        name="edge-1",
        posture=found,
        last_seen=now,
        due=now,
        reachable=True,
        version="0.8.4",
        connectors=["claudecode", "cursor"],
        blocked=[{"kind": "skill", "name": "x", "reason": ""}],
        listed_at=now,
    )
    client = browser("operator", "operator")
    assert headline(client) == "edge-1 is online, but no settings are approved yet"
    text = shown(client)
    assert "edge-1 DEMO version 0.8.4 online seen" in text and "Claude Code, Cursor" in text
    led = 'btn-primary" href="/enforcement/fleet/edge-1/baseline/">Approve the settings of edge-1…'
    assert led in browser("admin", "admin").get(FLEET).content.decode()
    assert "btn-primary" not in client.get(FLEET).content.decode(), "only an admin approves them"
    assert "block list 1 allow list 0 none approved yet" in text
    assert "an admin can approve them nothing" in text and "1 online" not in text
    assert "Not read: no audit_db is configured." in text
    page = f"{FLEET}edge-1/settings/"
    assert f'href="{page}"' in client.get(FLEET).content.decode()
    assert headline(client, page) == "edge-1 is online, but no settings are approved yet"
    text = shown(client, page)
    assert "Address http://127.0.0.1:9" in text and "imitates DefenseClaw" in text
    assert "1 on its block list (with holds), 0 on its allow list, read" in text
    assert "Pending steps none" in text and "Not set up. Configuration" in text
    assert text.index("This gateway") < text.index("Settings as seen")
    assert "Claude Code Claude Code mode" in text, "grouped by agent while nothing is approved"


def test_a_row_names_the_agents_that_effects_are_concluded_for(file: Path) -> None:
    now = clock.now()
    client = browser("auditor", "auditor")
    assert "not read yet" in shown(client)
    said = ReportedSettings.from_status({"health": {"gateway": {}}}, "action").as_json()
    Watch.objects.create(name="edge-1", due=now, last_seen=now, reachable=True, settings=said)
    [row] = fleet.rows()
    assert row.agents == ["OpenClaw"]
    assert "OpenClaw" in shown(client)


def test_a_gateway_that_never_answered_is_not_said_to_name_no_agent(file: Path) -> None:
    Asset.objects.create(kind="skill", name="a", instance="edge-1", decision="block")
    client = browser("operator", "operator")
    for watch in (False, True):
        if watch:
            Watch.objects.create(name="edge-1", due=clock.now(), reachable=False)
        [row] = Asset.objects.all()
        assert reasons_of_each([row]) == {row.pk: [remedies.NEVER_READ]}
        text = shown(client, "/enforcement/skill/a/")
        assert "The gateway was never read. See under Gateways why it is not read." in text
        assert "Not known for any agent: the gateway was never read." in text
        assert "names no" not in text and "names none" not in text
        used = shown(client, "/enforcement/effects/?kind=skill&name=a")
        assert "Not known at edge-1: it was never read." in used


def test_a_gateway_that_stopped_is_named_above_the_list_and_on_its_page(file: Path) -> None:
    seen = clock.now() - timedelta(minutes=14)
    Watch.objects.create(
        name="edge-1", due=seen, last_seen=seen, reachable=False, detail="edge-1 does not answer."
    )
    client = browser("auditor", "auditor")
    assert headline(client) == "edge-1 is offline"
    for page in (FLEET, f"{FLEET}edge-1/settings/"):
        assert "edge-1 does not answer. Not known since" in shown(client, page)


def test_without_a_gateway_the_page_says_what_is_missing(file: Path) -> None:
    client = browser("admin", "admin")
    file.write_text("")
    instances._cache.clear()
    assert headline(client) == "The instances file names no gateway"
    file.unlink()
    instances._cache.clear()
    assert headline(client) == "No gateway is registered"
    file.write_text("half writ")
    instances._cache.clear()
    assert headline(client) == "The instances file has a problem"
    assert "Register the first gateway" not in shown(client)


def test_a_gateway_that_no_decision_reaches_is_said_to_be_so(file: Path) -> None:
    Outpost.objects.create(
        id="0" * 32, public_key="k", instance="edge-9", enrolled_at=clock.now(), operation="o"
    )
    Watch.objects.create(name="edge-1", due=clock.now(), reachable=True, last_seen=clock.now())
    client = browser("admin", "admin")
    assert [row.instance for row in fleet.rows(only="edge-9")] == [None]
    assert headline(client) == "1 of 2 gateways is not reached by decisions"
    said = "it is not in the instances file, so decisions do not reach it."
    for page in (FLEET, f"{FLEET}edge-9/settings/"):
        assert said in shown(client, page)
    assert client.get(f"{FLEET}edge-8/settings/").status_code == 404


def test_a_member_sees_no_page_of_a_gateway(file: Path) -> None:
    known("member1")
    client = browser("member1")
    assert client.get(f"{FLEET}edge-1/settings/").status_code == 403
