"""The fleet says how pushes arrive, and a page has what a gateway needs to send them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.test import Client

from approvals import clock
from audit.ingest.pushes import sender_configuration, spool
from enforcement.gateways.reported_settings import ReportedSettings
from enforcement.models import Watch
from enforcement.views import fleet
from tests.enforcement import gateway_statuses
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Town

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("town")]

TOKEN = "a-token-that-no-page-shows-31b7"


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def edge_3(town: Town) -> None:
    (town.folder / "edge-3.ingest").write_text(TOKEN)
    town.write(
        '\n[[instance]]\nname = "edge-3"\nbase_url = "http://127.0.0.1:9"\n'
        'gateway_token_file = "t"\ningest_token_file = "edge-3.ingest"\n'
    )


@pytest.mark.usefixtures("edge_3")
def test_the_lines_to_copy_are_filled_in_and_the_token_is_not_among_them() -> None:
    shown = text(browser("operator", "operator"), "/enforcement/fleet/edge-3/pushes/")
    portal = settings.ENV.portal_url
    assert f"{portal}/v1/ingest/defenseclaw/edge-3" in shown
    assert f"{portal}/services/collector/event" in shown
    assert "edge-3.ingest" in shown and TOKEN not in shown
    for generation in ("HEAD", "0.8.4", "0.2.0"):
        assert f"DefenseClaw {generation}" in shown


def test_each_generation_has_a_batch_that_no_agent_waits_for() -> None:
    head, b, a = (
        yaml.safe_load(one.yaml)
        for one in sender_configuration.of_instance("https://portal.example", "edge-1")
    )
    (destination,) = head["observability"]["destinations"]
    assert [route["name"] for route in destination["routes"]] == ["admin", "verdicts"]
    assert "network_safety" not in destination
    assert (b["audit_sinks"][0]["batch_size"], a["splunk"]["batch_size"]) == (50, 50)
    local, *_ = sender_configuration.of_instance("http://127.0.0.1:8000", "edge-1")
    assert "allow_private_networks: true" in local.yaml


def test_the_documented_lines_are_those_of_the_page() -> None:
    manual = (Path(settings.BASE_DIR) / "docs" / "operators.md").read_text()
    for one in sender_configuration.of_instance("https://PORTAL.example", "edge-1"):
        assert one.yaml in manual, one.generation


@pytest.mark.usefixtures("edge_3")
def test_the_lines_for_the_version_of_the_gateway_are_open_and_the_others_closed() -> None:
    client, page = browser("operator", "operator"), "/enforcement/fleet/edge-3/pushes/"
    assert text(client, page).count('<details class="card group" open>') == 3
    status = ReportedSettings.from_status(gateway_statuses.head())
    Watch.objects.create(name="edge-3", due=clock.now(), settings=status.as_json())
    shown = text(client, page)
    assert shown.count('<details class="card group" open>') == 1
    assert "this gateway, as last known" in shown.partition("DefenseClaw 0.8.4")[0]


@pytest.mark.usefixtures("edge_3")
@pytest.mark.parametrize(
    ("page", "says"),
    [("edge-3", "edge-3 can push its events"), ("edge-1", "Pushes of edge-1 are not set up")],
)
def test_the_page_leads_with_whether_pushes_are_set_up(page: str, says: str) -> None:
    shown = text(browser("operator", "operator"), f"/enforcement/fleet/{page}/pushes/")
    assert f">{says}</h1>" in shown
    assert ("3. Restart the gateway." in shown) is (page == "edge-3")


@pytest.mark.usefixtures("edge_3")
def test_without_a_token_file_the_page_says_that_pushes_are_refused() -> None:
    client = browser("auditor", "auditor")
    assert "has no ingest token" in text(client, "/enforcement/fleet/edge-1/pushes/")
    assert "Not set up." in text(client, "/enforcement/fleet/edge-1/settings/")
    assert client.get("/enforcement/fleet/edge-9/pushes/").status_code == 404
    assert Client().get("/enforcement/fleet/edge-3/pushes/").status_code == 302
    assert browser("member1").get("/enforcement/fleet/edge-3/pushes/").status_code == 403


@pytest.mark.usefixtures("edge_3")
def test_the_fleet_says_what_a_full_spool_refused_and_what_waits_too_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = browser("operator", "operator")
    assert "No pushes waiting." in text(client, "/enforcement/fleet/edge-3/settings/")
    assert "waiting since" not in text(client, "/enforcement/fleet/")
    monkeypatch.setattr(spool, "MOST_FILES", 1)
    spool.keep("edge-3", spool.HEC, b"{}")
    with pytest.raises(spool.SpoolFull):
        spool.keep("edge-3", spool.HEC, b"{}")
    shown = text(client, "/enforcement/fleet/")
    assert "1 push refused since" in shown and "its spool was full" in shown
    assert "1 body waiting since" in shown
    page = client.get("/enforcement/fleet/").content.decode()
    assert '<span class="bad">1 push refused' in page
    monkeypatch.setattr(spool, "MOST_FILES", 9)
    monkeypatch.setattr(fleet, "_LATE", timedelta(0))
    page = client.get("/enforcement/fleet/").content.decode()
    assert '<span class="bad">1 body waiting' in page
