"""What a proxy, a monitor and a newcomer read: health, readiness, metrics, the API's own pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from audit.recording.actors import SYSTEM, Target
from audit.recording.record import record
from audit.sequencing import sequencer
from portal.ops import health
from portal.v1.routers import api
from tests.support.tenant import LocalTenant

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path


def checks(client: Client) -> tuple[int, dict[str, str]]:
    """Status and the checks that do not hold."""
    answer = client.get("/readyz")
    found: dict[str, str] = answer.json()["checks"]
    return answer.status_code, {name: said for name, said in found.items() if said != "ok"}


def test_the_process_says_that_it_lives(client: Client) -> None:
    assert client.get("/healthz").content == b"ok\n"


def test_it_is_ready_when_every_check_holds(client: Client, portal_tenant: LocalTenant) -> None:
    assert checks(client) == (200, {})


def test_it_is_not_ready_while_the_first_start_is_prepared(
    client: Client, portal_tenant: LocalTenant, tmp_path: Path
) -> None:
    (tmp_path / health.PREPARING).touch()
    status, missing = checks(client)
    assert status == 503 and list(missing) == [health.PREPARATION]
    assert "make up" in missing[health.PREPARATION]


def test_a_dropped_guard_is_named(client: Client, portal_tenant: LocalTenant) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_event'"
        )
        name = cursor.fetchone()[0]
        cursor.execute(f'DROP TRIGGER "{name}"')
    status, missing = checks(client)
    assert status == 503 and name in missing["ledger_guards"]


def test_an_issuer_that_is_away_is_named(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "issuer_trouble", lambda: "nobody answers at the issuer")
    assert checks(client)[0] == 503


def test_metrics_count_what_is_signed_and_what_waits(client: Client) -> None:
    record(SYSTEM, "skill.blocked", target=Target("skill", "Mias-own-name"))
    assert value(client, "ata_ledger_unsequenced") == 1
    sequencer.run_once()
    assert value(client, "ata_ledger_unsequenced") == 0
    assert value(client, "ata_ledger_size") == 1
    assert value(client, "ata_ledger_alarm") == 0
    assert "Mias-own-name" not in client.get("/metrics").content.decode()


def value(client: Client, name: str) -> float:
    """One gauge of `/metrics`."""
    found = re.search(rf"^{name} (\S+)$", client.get("/metrics").content.decode(), re.MULTILINE)
    assert found, name
    return float(found[1])


def test_metrics_are_read_only(client: Client) -> None:
    assert client.post("/metrics").status_code == 405


def test_the_api_page_shows_every_call_to_strangers(client: Client) -> None:
    page = client.get("/v1/docs").content.decode()
    for path in api.get_openapi_schema()["paths"]:
        assert path in page


def test_the_api_page_has_each_group_once(client: Client) -> None:
    names = re.findall(r'<h2 id="group-\d+">([^<]+)', client.get("/v1/docs").content.decode())
    assert len(names) > 5 and len(names) == len(set(names))


def test_the_api_page_cites_no_document_that_its_reader_lacks(client: Client) -> None:
    page = client.get("/v1/docs").content.decode()
    assert "`" not in page and "<code>POST /v1/decisions</code>" in page
    document = client.get("/v1/openapi.json").content.decode()
    assert not re.search(r"DESIGN|\bADR\b", page + document)
