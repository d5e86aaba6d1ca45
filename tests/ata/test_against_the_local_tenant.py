"""The sign-in of the command line, unmodified, against the local tenant in its own process."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.ata.ata_process import Ata
from tests.ata.portal_stand_in import Reply, StandIn
from tests.support.sign_in import SUBS
from tests.support.tenant import LocalTenant

API = "https://ata.local/api"


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTenant]:
    running = LocalTenant(tmp_path_factory.mktemp("tenant")).start()
    yield running
    running.stop()


@pytest.fixture
def town(ata: Ata, portal: StandIn, tenant: LocalTenant) -> Ata:
    config = {"issuer": tenant.issuer, "client_id": "ata-cli", "audience": API}
    portal.on("GET", "/v1/client-config", Reply(200, config))
    return ata


def answer(town: Ata, tenant: LocalTenant, action: str) -> tuple[int, str]:
    """Start `ata login`, answer its question in a browser, and wait for its end."""
    process = town.start("login", "--no-browser", "--json")
    assert process.stderr
    asked = json.loads(process.stderr.readline())
    assert re.fullmatch(r"[A-Z]{4}-[A-Z]{4}", asked["user_code"])
    browser = tenant.browser()
    page = browser.sign_in(browser.get(asked["verification_uri_complete"]), SUBS["operator"])
    assert browser.submit(page, action=action).status_code == 200
    output, _ = process.communicate(timeout=90)
    return process.returncode, output.decode()


def session_of(town: Ata) -> dict[str, Any]:
    session: dict[str, Any] = json.loads(town.session_file.read_text())
    return session


@pytest.mark.stack
def test_a_sign_in_lasts_until_it_is_ended(town: Ata, portal: StandIn, tenant: LocalTenant) -> None:
    code, output = answer(town, tenant, "confirm")
    assert (code, json.loads(output)["signed_in"]) == (0, True)
    first = session_of(town)
    assert portal.seen("POST", "/v1/session")[0].json["id_token"].count(".") == 2

    tenant.advance(5)
    Path(town.session_file).write_text(json.dumps({**first, "expires_at": 0}))
    assert town("status").returncode == 0
    second = session_of(town)
    assert second["access_token"] != first["access_token"]
    assert second["expires_at"] > first["expires_at"] - 60

    assert json.loads(town("logout", "--json").stdout)["revoked"] is True
    form = {
        "grant_type": "refresh_token",
        "client_id": "ata-cli",
        "refresh_token": second["refresh_token"],
    }
    refused = httpx.post(second["token_endpoint"], data=form, trust_env=False)
    assert refused.json()["error"] == "invalid_grant"


@pytest.mark.stack
def test_a_refused_sign_in_leaves_no_session(town: Ata, tenant: LocalTenant) -> None:
    code, output = answer(town, tenant, "deny")
    assert (code, json.loads(output)["error"]["code"]) == (3, "access_denied")
    assert not town.session_file.exists()
