"""`manage.py doctor` lists what the defects of 1ebce96 left, and repairs it where it may."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.corpus.installation import ENGINE, Installation

pytestmark = pytest.mark.stack

OWN_GATEWAY = """[[instance]]
name = "edge-1"
base_url = "http://127.0.0.1:9"
gateway_token_file = "{token}"
"""


SIGNED_IN = """
from datetime import datetime, UTC
from accounts.models import SignedInSession, User
long_ago = datetime(2026, 11, 1, tzinfo=UTC)
user = User.objects.create(iss="https://issuer.example/", sub="someone")
SignedInSession.objects.create(user=user, session_key="k", public_id="p", auth_time=long_ago,
                               created=long_ago, last_seen=long_ago)
"""


@pytest.fixture(scope="module")
def with_own_gateway(installation: Installation) -> Installation:
    """The gateway of the sample data is one of the operator's own; somebody is signed in."""
    file = installation.folder / "instances.toml"
    token = installation.folder / "var" / "secrets" / "DEMO_GATEWAY_TOKEN"
    file.write_text(OWN_GATEWAY.format(token=token))
    installation.env["DEFENSECLAW_INSTANCES_FILE"] = str(file)
    assert installation.manage("shell", "-v", "0", "-c", SIGNED_IN).returncode == 0
    return installation


def _found(installation: Installation) -> dict[str, list[dict[str, Any]]]:
    done = installation.manage("doctor", "--json")
    assert done.returncode in {0, 1}, done.stderr
    found: dict[str, list[dict[str, Any]]] = {}
    for one in json.loads(done.stdout.splitlines()[-1]):
        if one["check"] in {"issuer", "worker", "gateways", "mail"}:
            continue  # nothing runs here, and it says so
        found.setdefault(one["check"], []).append(one)
    return found


def test_it_lists_repairs_after_asking_and_leaves_the_ledger_whole(
    with_own_gateway: Installation,
) -> None:
    found = _found(with_own_gateway)
    assert "admin" in found["lifted suspensions"][0]["detail"].lower()
    (widened,) = found["widened manifests"]
    assert "github delete_repo" in widened["detail"]
    assert "https://elsewhere.example/mcp" in widened["detail"]
    assert found["forged rows"] and not found["forged rows"][0]["mendable"]
    assert len(found["sample decisions"]) > 40
    assert all("--instance edge-1" in one["fix"] for one in found["sample decisions"])
    assert found["file modes"]
    assert bool(found.get("sessions")) == (ENGINE == "sqlite")
    assert found["restored roles"]

    # Nothing is changed unless it is asked for and confirmed.
    assert with_own_gateway.manage("doctor").returncode == 1
    assert _found(with_own_gateway) == found

    done = with_own_gateway.manage("doctor", "--mend", "--yes")
    assert done.returncode == 1, done.stderr  # what a person has to decide is left
    assert set(_found(with_own_gateway)) == {"sample decisions", "forged rows"}
    report = json.loads(with_own_gateway.manage("verify_ledger", "--json").stdout.splitlines()[-1])
    assert report["problems"] == []
    loose = [
        path
        for path in Path(with_own_gateway.env["VAR_DIR"]).rglob("*")
        if path.lstat().st_mode & 0o077
    ]
    assert loose == []
