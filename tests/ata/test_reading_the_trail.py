from __future__ import annotations

import hashlib
import json
import signal
import time
from typing import Any

import pytest

from tests.ata.ata_process import Ata
from tests.ata.portal_stand_in import Reply, Request, StandIn


def event(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "schema": "ata.event.v1",
        "id": f"e{number}",
        "index": number,
        "time": "2026-03-01T12:00:00.000000Z",
        "action": "skill.blocked",
        "outcome": "success",
        "severity": "HIGH",
        "actor": {"iss": "i", "sub": "auth0|olu", "name": "Olu Operator", "email": ""},
        "target": {"kind": "skill", "name": "web-scraper", "instance": ""},
        "human": "H2",
        "log": "L1",
        **changes,
    }


def page(*numbers: int, following: str | None = None) -> Reply:
    items = [event(number) for number in numbers]
    return Reply(200, {"items": items, "next": following, "tree_size": 99})


def test_filters_in_both_spellings_become_one_query(signed_in: Ata, portal: StandIn) -> None:
    portal.on("GET", "/v1/audit/events", page(2, 1))
    args = ("actor=auth0|olu", "-connection=github", "action:skill.* -outcome:failure", "two")
    done = signed_in("audit", "search", *args, "--json")
    assert done.returncode == 0, done.stdout
    assert [one["id"] for one in json.loads(done.stdout)["items"]] == ["e2", "e1"]
    assert portal.seen("GET", "/v1/audit/events")[0].query == {
        "q": ["two"],
        "actor": ["auth0|olu"],
        "action": ["skill.*"],
        "-connection": ["github"],
        "-outcome": ["failure"],
    }


def test_search_reads_on_until_its_limit(signed_in: Ata, portal: StandIn) -> None:
    portal.on("GET", "/v1/audit/events", page(9, 8, following="c8"), page(7, 6, following="c6"))
    done = signed_in("audit", "search", "--limit", "3")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == ["9", "8", "7"]
    assert rows[0][2:] == [
        "skill.blocked", "success", "HIGH", "Olu Operator", "web-scraper", "H2", "L1",
    ]  # fmt: skip
    assert portal.seen("GET", "/v1/audit/events")[1].query == {"cursor": ["c8"]}


def test_an_erased_name_is_called_erased(signed_in: Ata, portal: StandIn) -> None:
    erased = {"iss": "i", "sub": {"erased": True}, "name": {"erased": True}, "email": ""}
    items = [event(1, actor=erased, index=None)]
    portal.on("GET", "/v1/audit/events", Reply(200, {"items": items, "next": None}))
    row = signed_in("audit", "search").stdout.split("\t")
    assert (row[0], row[5]) == ("-", "(erased)")


@pytest.mark.parametrize("wrong", ["actr=x", "actr:x", "severity=HUGE"])
def test_a_wrong_filter_is_refused_before_anything_is_asked(
    signed_in: Ata, portal: StandIn, wrong: str
) -> None:
    done = signed_in("audit", "search", wrong)
    assert done.returncode == 2
    assert "nearest is" in done.stderr
    assert portal.requests == []


def test_tail_shows_the_latest_then_each_new_event_once(signed_in: Ata, portal: StandIn) -> None:
    portal.on("GET", "/v1/audit/events", page(2, 1), page(4, 3, 2, 1))
    process = signed_in.start("audit", "tail", "--lines", "1", "--json")
    assert process.stdout
    ids = [json.loads(process.stdout.readline())["id"] for _ in range(3)]
    assert ids == ["e2", "e3", "e4"]
    asked = len(portal.seen("GET", "/v1/audit/events"))
    for _ in range(800):
        if len(portal.seen("GET", "/v1/audit/events")) > asked:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, output) == (130, b"")


def export(portal: StandIn, **job: Any) -> None:
    path = "/v1/audit/exports"
    portal.on("POST", path, Reply(202, {"id": "x1", "status": "pending"}))
    portal.on("GET", f"{path}/x1", Reply(200, {"id": "x1", "status": "ready", "rows": 2, **job}))
    portal.on("GET", f"{path}/x1/download", Reply(200, raw=b"one\ntwo\n"))
    portal.on("GET", f"{path}/x1/manifest", Reply(200, {"tree_size": 99}))


def test_an_export_lands_in_a_file_with_its_manifest(signed_in: Ata, portal: StandIn) -> None:
    export(portal)
    args = ("outcome=denied", "--format", "csv", "--output", "out.csv", "--json")
    done = signed_in("audit", "export", *args)
    assert done.returncode == 0, done.stdout
    shown = json.loads(done.stdout)
    assert shown["bytes"] == 8
    assert shown["sha256"] == hashlib.sha256(b"one\ntwo\n").hexdigest()
    assert (signed_in.home / "out.csv").read_bytes() == b"one\ntwo\n"
    manifest = (signed_in.home / "out.csv.manifest.json").read_text()
    assert json.loads(manifest) == {"tree_size": 99}
    assert portal.seen("POST", "/v1/audit/exports")[0].json == {
        "format": "csv",
        "filter": {"outcome": ["denied"]},
    }
    again = signed_in("audit", "export", *args)
    assert again.returncode == 2
    assert "--force" in json.loads(again.stdout)["error"]["fix"]


def test_a_failed_export_leaves_no_file(signed_in: Ata, portal: StandIn) -> None:
    export(portal, status="failed", error="disk full")
    done = signed_in("audit", "export", "--output", "out.ndjson")
    assert done.returncode == 1
    assert "disk full" in done.stderr
    assert list(signed_in.home.glob("*out*")) == []


def test_a_broken_download_leaves_no_half_file(signed_in: Ata, portal: StandIn) -> None:
    export(portal)

    def refused(_: Request) -> Reply:
        return Reply(409, {"code": "not_ready", "detail": "The export is not ready"})

    portal.on("GET", "/v1/audit/exports/x1/download", refused)
    done = signed_in("audit", "export", "--output", "out.ndjson")
    assert done.returncode == 1
    assert "not_ready" in done.stderr
    assert list(signed_in.home.glob("*out*")) == []


def test_a_download_that_is_sent_elsewhere_is_no_export(signed_in: Ata, portal: StandIn) -> None:
    export(portal)
    moved = Reply(302, raw=b"<html>", headers=(("Location", "https://elsewhere.example/"),))
    portal.on("GET", "/v1/audit/exports/x1/download", moved)
    done = signed_in("audit", "export", "--output", "out.ndjson")
    assert done.returncode == 1
    assert "redirected" in done.stderr and "elsewhere.example" in done.stderr
    assert list(signed_in.home.glob("*out*")) == []


def test_tail_outlives_a_portal_that_is_started_again(signed_in: Ata, portal: StandIn) -> None:
    portal.on("GET", "/v1/audit/events", page(1), Reply(503, raw=b""), page(2, 1))
    process = signed_in.start("audit", "tail", "--json")
    assert process.stdout
    assert json.loads(process.stdout.readline())["id"] == "e1"
    assert json.loads(process.stdout.readline())["id"] == "e2"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)


def coverage_report() -> dict[str, Any]:
    last = {"event_id": "e1", "index": 7, "time": "2026-03-01T12:00:00.000000Z"}
    covered = {"id": "10.2.1.3", "wants": "access to audit logs", "status": "covered"}
    clocks = {"id": "10.6.1", "wants": "clocks", "status": "not_covered", "events": None}
    return {
        "frameworks": [
            {
                "id": "pci-dss",
                "title": "PCI DSS",
                "requirements": [covered | {"events": 3, "last": last}, clocks | {"last": None}],
            }
        ],
        "gaps": [
            {"name": "Sequencing", "state": "ok", "words": "all events sequenced"},
            {"name": "Input set aside", "state": "warn", "words": "2 in the period"},
        ],
        "sources": [{"name": "edge-2", "state": "offline"}, {"name": "edge-1", "state": "online"}],
    }


def test_coverage_lists_requirements_and_what_is_amiss(signed_in: Ata, portal: StandIn) -> None:
    portal.on("GET", "/v1/audit/coverage", Reply(200, coverage_report()))
    done = signed_in("audit", "coverage", "--days", "30")
    assert done.returncode == 0, done.stdout
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert rows[0][:5] == ["PCI DSS", "10.2.1.3", "access to audit logs", "covered", "3"]
    assert rows[1][3:5] == ["not by this product", "-"]
    assert [row[0] for row in rows[2:]] == ["Input set aside: 2 in the period", "edge-2: offline"]
    assert portal.seen("GET", "/v1/audit/coverage")[0].query == {"days": ["30"]}


def test_coverage_of_one_framework_is_json_too(signed_in: Ata, portal: StandIn) -> None:
    portal.on("GET", "/v1/audit/coverage", Reply(200, coverage_report()))
    done = signed_in("audit", "coverage", "--framework", "pci-dss", "--json")
    assert json.loads(done.stdout)["frameworks"][0]["id"] == "pci-dss"
    refused = signed_in("audit", "coverage", "--framework", "pci")
    assert refused.returncode == 2
