"""The example in docs/api.md suspends an outpost and has it revoked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.connections.api_house import ADMIN, ADMIN2, OPERATOR, ApiHouse, api_house
from tests.support.tenant import CHECKOUT

ENROLLED = """
import json
from audit.recording.record import record
from enforcement.models import Outpost
from enforcement.outposts import sealed_rows
outpost = Outpost(id="a" * 32, public_key="A" * 43, instance="edge-1", enrolled_at=now,
                  operation=str(uuid7()))
outpost.seal = sealed_rows.seal(outpost)
outpost.save(force_insert=True)
record(Actor(iss="", sub="", via="api"), "outpost.key_enrolled",
       target=Target("outpost", "edge-1", "edge-1"), operation=outpost.operation,
       data={"outpost": outpost.id, "command_key": ""})
print(json.dumps(1))
"""
STATE = """
import json
from approvals.models import Approval
from enforcement.models import Outpost
row = Outpost.objects.get()
print(json.dumps([row.suspended_at is not None, row.revoked_at is not None,
                  list(Approval.objects.values_list("verb", flat=True))]))
"""
APPROVE = """
import json
from django.db import transaction
from approvals.models import Approval
from approvals.pipeline import final_approval, locks
with transaction.atomic():
    asked = locks.locked(Approval.objects.get().pk)
    ask = asked.current
    final_approval.approve(asked, ask, ask.person.as_actor(via="phone"), signed=True, evidence=())
print(json.dumps(ask.person.sub))
"""


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiHouse]:
    with api_house(tmp_path_factory.mktemp("script")) as started:
        started.runs(ENROLLED)
        yield started


def test_the_example_suspends_an_outpost_at_once_and_asks_another_admin_to_revoke_it(
    place: ApiHouse,
) -> None:
    document = (CHECKOUT / "docs" / "api.md").read_text()
    found = re.findall(r'POST (/v1/decisions)\n(\{"verb": "outpost.*\})', document)
    (path, suspend), (_, revoke) = [(path, json.loads(body)) for path, body in found]
    for body in (suspend, revoke):
        assert place.refusal("POST", path, OPERATOR, body) == (403, "not_permitted")
    assert place.said("POST", path, ADMIN, suspend).status_code == 201
    assert place.runs(STATE) == [True, False, []]
    asked = place.said("POST", path, ADMIN, revoke)
    assert asked.status_code == 202 and asked.json()["asked"] == "Anya Admin"
    assert place.runs(STATE) == [True, False, ["outpost.revoke"]]
    assert place.runs(APPROVE) == ADMIN2
    assert place.runs(STATE)[:2] == [True, True]
