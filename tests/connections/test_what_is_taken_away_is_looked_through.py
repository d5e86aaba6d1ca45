"""The canary's scan finds a secret in each thing that a house hands out to take away."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.http import StreamingHttpResponse

from audit.models import EventRow
from audit.sequencing import sequencer
from connections.component_manifests import manifest_store as declared
from tests.audit.calling import caller
from tests.canary import delivered, haystack
from tests.canary.needles import Needles
from tests.connections.test_the_inventory_shows_everybody import make
from tests.connections.visitor import Gateway, know
from tests.support.tenant import LocalTenant

PLANTED = f"planted{secrets.token_hex(8)}"
NEEDLES = Needles({PLANTED.encode(): "planted"}, {})


@pytest.fixture
def call(
    github_mcp: declared.Declaration, gateway: Callable[[str], Gateway]
) -> Callable[[str, str, Any], tuple[bytes, Any]]:
    asking = gateway("auditor")

    def called(method: str, path: str, body: Any) -> tuple[bytes, Any]:
        text = None if body is None else json.dumps(body)
        answer = asking.call(method, path, text)
        assert 200 <= answer.status_code < 300, (path, answer.status_code)
        streamed = isinstance(answer, StreamingHttpResponse)
        return (answer.getvalue() if streamed else answer.content), answer.headers

    return called


def heard(folder: Path, files: dict[str, bytes]) -> set[str]:
    """The files in which the scan finds it, each written down as `silence` writes them."""
    folder.mkdir()
    for name, body in files.items():
        (folder / name).write_bytes(body)
    return {
        where.removesuffix(" (unwrapped)")
        for where, text in haystack.of_house(folder, [])
        for _ in NEEDLES.in_text(text)
    }


def plant(tenant: LocalTenant) -> int:
    """Something that gets into each of them; the index of its entry."""
    know("member1", "auditor")
    make("member1", label=PLANTED, scopes=["read:user", PLANTED])
    told = {"action": f"ci.{PLANTED}", "reason": PLANTED}
    answer = caller(tenant, "operator").post("/events", told)
    assert answer.status_code == 200, answer.content
    declared.declare_shipped(
        "mcp",
        PLANTED,
        declared.Declaration.model_validate(
            {"connections": [{"connection": "github", "scopes": ["repo"]}]}
        ),
    )
    sequencer.run_once()
    seq = EventRow.objects.get(action=f"external.ci.{PLANTED}").seq
    assert seq is not None
    return seq


def test_a_secret_is_found_in_each_file_that_is_handed_out(
    call: delivered.Call, portal_tenant: LocalTenant, settings: Any, tmp_path: Path
) -> None:
    settings.LEDGER_ORIGIN = f"ledger.example/{PLANTED}"
    seq = plant(portal_tenant)
    found = delivered.files(call, f"external.ci.{PLANTED}", seq)
    sequencer.run_once()
    found |= delivered.manifests(call, found)
    missing = found.keys() - heard(tmp_path / "planted", found)
    assert missing == NOT_IN


NOT_IN = {
    "inventory.csv event",  # an id that the test itself keeps
    "inventory.xlsx event",
    "policy",  # sentences of a document that names no secret-bearing place of ours
    "approvals",
}


def test_nothing_is_found_where_nothing_was_planted(
    call: delivered.Call, portal_tenant: LocalTenant, tmp_path: Path
) -> None:
    know("member1", "auditor")
    make("member1", label="octo")
    assert (
        caller(portal_tenant, "operator").post("/events", {"action": "ci.ran"}).status_code == 200
    )
    sequencer.run_once()
    seq = EventRow.objects.get(action="external.ci.ran").seq
    assert seq is not None
    found = delivered.files(call, "external.ci.ran", seq)
    assert heard(tmp_path / "honest", found) == set()
