"""Lists of components and findings over the API: page by page, narrowed, and for whom they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import RequestFactory

from approvals import clock
from audit.recording.actors import Actor, Target
from enforcement.api import component_at_gateways
from enforcement.decisions import decision_severity
from enforcement.models import Scan
from tests.connections.api_house import ADMIN, AUDITOR, MIA, OPERATOR, ApiHouse, api_house
from tests.enforcement.gateways import Town, settle

EVERY = """
import json
from enforcement.models import Finding, Scan
for number, (kind, name, severity, status) in enumerate([
    ("skill", "pdf-exfil", "CRITICAL", "open"), ("skill", "pdf-exfil", "LOW", "dismissed"),
    ("skill", "notes", "HIGH", "open"), ("mcp", "shadow-fs", "HIGH", "acknowledged"),
    ("skill", "archive helper", "INFO", "open"),
]):
    scan = Scan.objects.create(instance="edge-1", scan_id=f"scan-{number}", scanner="skill-scanner",
                               kind=kind, name=name, severity=severity, at=now, seen=now)
    rank = ["INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"].index(severity)
    Finding.objects.create(
        instance="edge-1", finding_id=f"finding/{number}", alert_id=f"alert-{number}", scan=scan,
        kind=kind, name=name, rule="R-1", title=f"Title {number}", severity=severity, rank=rank,
        at=now, status=status, status_by="Olu Operator" if status == "dismissed" else "",
        status_at=now if status == "dismissed" else None)
print(json.dumps(1))
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiHouse]:
    with api_house(tmp_path_factory.mktemp("findings")) as started:
        started.runs(EVERY)
        yield started


def all_pages(place: ApiHouse, address: str, limit: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        query = "&".join(f"{key}={value}" for key, value in after.items())
        body = place.said("GET", f"{address}?limit={limit}&{query}", AUDITOR).json()
        assert len(body["items"]) <= limit
        found += body["items"]
        if body["next"] is None:
            return found
        after = {"after": body["next"]}


def test_every_page_size_shows_the_same_findings_the_gravest_first(place: ApiHouse) -> None:
    whole = all_pages(place, "/v1/findings", 200)
    assert [(one["severity"], one["id"]) for one in whole] == [
        ("CRITICAL", "finding/0"),
        ("HIGH", "finding/3"),
        ("HIGH", "finding/2"),
        ("LOW", "finding/1"),
        ("INFO", "finding/4"),
    ]
    for limit in (1, 2, 3, 5):
        assert all_pages(place, "/v1/findings", limit) == whole
        names = all_pages(place, "/v1/components/skill", limit)
        assert [one["name"] for one in names] == ["archive helper", "notes", "pdf-exfil"]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("status=dismissed", [1]),
        ("severity=HIGH", [3, 2]),
        ("kind=mcp", [3]),
        ("name=pdf-exfil&status=open", [0]),
        ("instance=edge-9", []),
    ],
)
def test_findings_are_narrowed(place: ApiHouse, query: str, ids: list[int]) -> None:
    body = place.said("GET", f"/v1/findings?{query}", OPERATOR).json()
    assert [one["id"] for one in body["items"]] == [f"finding/{number}" for number in ids]


def test_one_finding_is_found_by_its_id_and_by_that_of_its_alert(place: ApiHouse) -> None:
    by_id = place.said("GET", "/v1/findings/finding/1", ADMIN).json()
    assert by_id == place.said("GET", "/v1/findings/alert-1?instance=edge-1", ADMIN).json()
    assert (by_id["status"], by_id["status_by"]) == ("dismissed", "Olu Operator")
    assert by_id["target"] == {"kind": "skill", "name": "pdf-exfil", "instance": "edge-1"}
    for nowhere in ("finding/9", "alert-1?instance=edge-9"):
        assert place.refusal("GET", f"/v1/findings/{nowhere}", ADMIN) == (404, "not_found")


@pytest.mark.parametrize(
    "address", ["/v1/findings", "/v1/findings/alert-1", "/v1/components/skill"]
)
def test_members_and_strangers_see_no_finding_and_no_component(
    place: ApiHouse, address: str
) -> None:
    assert place.refusal("GET", address, MIA) == (403, "not_permitted")
    assert place.said("GET", address).status_code == 401


@pytest.mark.parametrize(
    "query", ["findings?after=then", "findings?status=shut", "findings?limit=0", "components/agent"]
)
def test_a_value_that_cannot_be_read_is_refused(place: ApiHouse, query: str) -> None:
    assert place.refusal("GET", f"/v1/{query}", ADMIN) == (422, "invalid_request")


def test_ata_lists_the_same_for_an_operator_and_says_who_may_to_a_member(
    place: ApiHouse, tmp_path: Path
) -> None:
    words = "findings list --status all"
    found = place.ata(tmp_path, OPERATOR, f"{words} --limit 4 --fields id,severity")
    assert [one["severity"] for one in found["items"]] == ["CRITICAL", "HIGH", "HIGH", "LOW"]
    rest = place.ata(tmp_path, OPERATOR, f"{words} --after {found['next']}")
    assert [one["id"] for one in rest["items"]] == ["finding/4"]
    assert place.ata(tmp_path, AUDITOR, "findings show finding/1")["status"] == "dismissed"
    names = place.ata(tmp_path, AUDITOR, "skill list --fields name")["items"]
    assert [one["name"] for one in names] == ["archive helper", "notes", "pdf-exfil"]
    no = place.ata(tmp_path, MIA, "skill list", code=1)["error"]
    assert (no["code"], no["message"]) == (
        "not_permitted",
        "Components are for operators, auditors and admins.",
    )
    assert place.ata(tmp_path, OPERATOR, "approvals list --pending")["items"] == []


def listed(
    rf: RequestFactory, olu: Actor, state: component_at_gateways.State = "", q: str = ""
) -> dict[str, list[str]]:
    """Names with their state at each gateway; in this process, where gateways are registered."""
    request = rf.get("/")
    request.META["ATA_CALLER"] = SimpleNamespace(actor=olu)
    answer = component_at_gateways.index(request, "skill", q=q, state=state, limit=200, after="")
    return {
        one["name"]: [f"{at['instance']}: {at['state']}" for at in one["gateways"]]
        for one in json.loads(answer.content)["items"]
    }


def test_components_are_listed_with_their_state_at_each_gateway(
    town: Town, olu: Actor, do_due: Callable[[], None], rf: RequestFactory
) -> None:
    settle(olu, Target("skill", "pdf-exfil"), "block")
    settle(olu, Target("skill", "notes", "edge-2"), "allow")
    do_due()
    blocked = {"pdf-exfil": ["edge-1: blocked", "edge-2: blocked"]}
    assert listed(rf, olu) == {"notes": ["edge-1: none", "edge-2: allowed"]} | blocked
    assert listed(rf, olu, state="blocked") == listed(rf, olu, q="EXFIL") == blocked


def test_a_list_shows_the_severity_that_a_decision_counts(db: None, olu: Actor) -> None:
    now = clock.now()
    for days, (name, instance, severity) in enumerate(
        [
            ("a", "edge-1", "HIGH"),
            ("a", "edge-1", "LOW"),
            ("a", "edge-2", "MEDIUM"),
            ("b", "", "LOW"),
        ]
    ):
        scan = Scan(instance=instance, scan_id=str(days), kind="skill", name=name, seen=now)
        scan.severity, scan.at = severity, now - timedelta(days=days)
        scan.save()
    names = ["a", "b", "c"]
    each = decision_severity.found_for_each("skill", names)
    assert each == {"a": "MEDIUM", "b": "LOW"}
    assert each == {n: found for n in names if (found := decision_severity.found("skill", n))}
