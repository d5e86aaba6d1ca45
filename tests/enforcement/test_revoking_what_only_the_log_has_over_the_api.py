"""Over the API, only an admin asks to revoke an outpost that the log alone has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.connections.api_house import ADMIN, AUDITOR, MIA, OPERATOR, ApiHouse, api_house

DECISIONS = "/v1/decisions"
ENROLLED = """
import json
from audit.recording.actors import SYSTEM
from audit.recording.record import record
record(SYSTEM, "outpost.key_enrolled", target=Target("outpost", "edge-1", "edge-1"),
       operation=str(uuid7()), data={"outpost": "a" * 32})
print(json.dumps(1))
"""
STATE = """
import json
from approvals.models import Approval
from enforcement.outposts import command_recipients
print(json.dumps([command_recipients.outpost_of("edge-1") is not None,
                  Approval.objects.filter(verb="outpost.revoke").count()]))
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiHouse]:
    with api_house(tmp_path_factory.mktemp("revoking")) as started:
        started.runs(ENROLLED)
        yield started


def body(name: str = "edge-1", verb: str = "outpost.revoke") -> dict[str, Any]:
    return {"verb": verb, "target": {"kind": "outpost", "name": name}, "reason": "nobody's"}


def test_others_and_what_is_wrong_are_refused_and_an_admin_waits_for_another(
    place: ApiHouse, tmp_path: Path
) -> None:
    assert place.said("POST", DECISIONS, body=body()).status_code == 401
    assert place.stale("POST", DECISIONS, ADMIN, body())[0] == 401
    for who in (MIA, OPERATOR, AUDITOR):
        assert place.refusal("POST", DECISIONS, who, body()) == (403, "not_permitted")
    for name in ("../x", "a b", "x" * 61):
        assert place.refusal("POST", DECISIONS, ADMIN, body(name))[1] == "bad_target"
    assert place.refusal("POST", DECISIONS, ADMIN, body("edge-7"))[1] == "unknown_outpost"
    assert place.refusal("POST", DECISIONS, ADMIN, body(verb="outpost.suspend"))[1] == (
        "unknown_outpost"
    )
    assert place.said("PUT", DECISIONS, ADMIN, body()).status_code == 405
    assert place.runs(STATE) == [True, 0]
    answer = place.said("POST", DECISIONS, ADMIN, body())
    assert answer.status_code == 202
    assert answer.json()["asked"] != "Amir Admin"
    waiting = place.ata(tmp_path, ADMIN, "approvals list")
    assert answer.json()["approval_id"] in str(waiting)
    assert place.runs(STATE) == [True, 1]
