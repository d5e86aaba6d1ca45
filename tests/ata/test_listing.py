"""Lists: what they show at 80 columns, in a pipe and as JSON, and how one goes on."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.ata.ata_process import Ata
from tests.ata.portal_stand_in import Reply, StandIn

APPROVAL = "01a22147-8694-7cee-9589-d8321e7bcb2e"


def stamp(seconds_ago: float) -> str:
    return datetime.fromtimestamp(time.time() - seconds_ago, UTC).isoformat()


def finding(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"4b89df0f-0000-4000-8000-00000000000{number}",
        "severity": "CRITICAL",
        "title": "Sends the files of your home folder to an address in another country",
        "target": {"kind": "skill", "name": "pdf-exfil", "instance": "edge-1"},
        "scanner": "skill-scanner",
        "found_at": stamp(182),
        "status": "open",
    } | changes


COMPONENTS = [
    {
        "kind": "skill",
        "name": "pdf-exfil",
        "severity": "CRITICAL",
        "gateways": [
            {"instance": "edge-1", "state": "held"},
            {"instance": "edge-2", "state": "not_enforced"},
        ],
    },
    {"name": "notes", "severity": None, "gateways": [{"instance": "edge-1", "state": "none"}]},
]
PENDING = {
    "id": APPROVAL,
    "status": "pending",
    "binding_message": "33-02-44",
    "asked": "Oona Operator",
    "sentence": "Block MCP server k8s-admin on all gateways",
}


def shown(ata: Ata, *words: str) -> list[str]:
    """What a terminal of 80 columns shows, without colours; no line is wider than that."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", ata.on_a_terminal(*words, columns=80))
    lines = [line.rstrip() for line in text.splitlines()]
    assert max(map(len, lines)) <= 80, lines
    return lines


def test_findings_fit_a_terminal_and_their_ids_stay_whole(signed_in: Ata, portal: StandIn) -> None:
    portal.on("GET", "/v1/findings", Reply(200, {"items": [finding(1)], "next": None}))
    assert shown(signed_in, "findings") == [
        "Severity  About            Finding                            Gateway  Found",
        "CRITICAL  skill pdf-exfil  Sends the files of your home fol…  edge-1   3 min ago",
        "  4b89df0f-0000-4000-8000-000000000001",
    ]
    assert portal.seen("GET", "/v1/findings")[0].query["status"] == ["open"]


def test_components_are_listed_with_their_state(signed_in: Ata, portal: StandIn) -> None:
    portal.on("GET", "/v1/components/skill", Reply(200, {"items": COMPONENTS, "next": None}))
    assert shown(signed_in, "skill", "list", "pdf", "--state", "held") == [
        "Name       Severity  State",
        "pdf-exfil  CRITICAL  on hold at edge-1; not enforced at edge-2",
        "notes                no decision",
    ]
    [asked] = portal.seen("GET", "/v1/components/skill")
    assert (asked.query["q"], asked.query["state"]) == (["pdf"], ["held"])


def test_approvals_fit_a_terminal(signed_in: Ata, portal: StandIn) -> None:
    items = [PENDING | {"expires_at": stamp(-90), "created_at": stamp(30)}]
    portal.on("GET", "/v1/approvals", Reply(200, {"items": items, "next": None}))
    heading, line, id = shown(signed_in, "approvals", "list", "--pending")
    assert heading.split() == ["State", "Code", "Left", "Approver", "Made", "Request"]
    assert re.fullmatch(r"pending  33-02-44  \d:\d\d  Oona Operator  .* ago  Block MCP .*…", line)
    assert id.strip() == APPROVAL
    assert portal.seen("GET", "/v1/approvals")[0].query["status"] == ["pending"]


def test_a_pipe_gets_whole_values_and_absolute_times(signed_in: Ata, portal: StandIn) -> None:
    one = finding(1, found_at="2026-11-28T09:04:43Z")
    portal.on("GET", "/v1/findings", Reply(200, {"items": [one], "next": None}))
    done = signed_in("findings", "list")
    line = done.stdout
    assert done.returncode == 0, done.stderr
    assert line.split("\t")[:6] == [
        one["id"],
        "CRITICAL",
        "skill pdf-exfil",
        one["title"],
        "edge-1",
        "2026-11-28T09:04:43Z",
    ]


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (("findings",), "/v1/findings"),
        (("findings", "list", "--limit", "1"), "/v1/findings"),
        (("approvals", "list", "--limit", "1"), "/v1/approvals"),
        (("connections", "list", "--limit", "1"), "/v1/connections"),
        (("skill", "list", "--limit", "1"), "/v1/components/skill"),
    ],
)
def test_a_list_that_goes_on_says_how(
    signed_in: Ata, portal: StandIn, words: tuple[str, ...], path: str
) -> None:
    portal.on(
        "GET", path, Reply(200, {"items": [finding(1)], "next": "on from here"}), Reply(200, {})
    )
    said = signed_in.here(*words).stderr if len(words) > 1 else ""
    assert len(words) == 1 or "go on with --after 'on from here'" in said


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (("manifest", "list", "--limit", "1"), "/v1/manifests"),
        (("connections", "settings", "--limit", "1"), "/v1/connections/settings"),
        (("audit", "views", "list", "--limit", "1"), "/v1/audit/views"),
    ],
)
def test_a_list_in_one_piece_is_cut_and_says_so(
    signed_in: Ata, portal: StandIn, words: tuple[str, ...], path: str
) -> None:
    items = [{"name": "a", "connection": "a"}, {"name": "b", "connection": "b"}]
    portal.on("GET", path, Reply(200, {"items": items, "built_in": []}))
    done = signed_in.here(*words)
    assert done.exit_code == 0, done.output
    assert "There are 1 more: show them with a higher --limit." in done.stderr
    told = json.loads(signed_in.here(*words, "--json").stdout)
    assert (len(told["items"]), told["left_out"]) == (1, 1)


def test_fields_narrow_each_item_and_ask_for_json(signed_in: Ata, portal: StandIn) -> None:
    portal.on("GET", "/v1/findings", Reply(200, {"items": [finding(1)], "next": None}))
    told = json.loads(signed_in("findings", "list", "--fields", "severity,target.name").stdout)
    item = {"severity": "CRITICAL", "target.name": "pdf-exfil"}
    assert told == {"items": [item], "next": None}
    wrong = signed_in("findings", "list", "--fields", "severty")
    assert wrong.returncode == 2
    error = json.loads(wrong.stdout)["error"]
    assert error["message"] == "No item has a field severty." and "severity" in error["fix"]
    assert signed_in("findings", "list", "--fields", ",").returncode == 2


def test_fields_narrow_one_result(signed_in: Ata, portal: StandIn) -> None:
    told = json.loads(signed_in("whoami", "--fields", "name,nothing").stdout)
    assert told == {"name": "Olu Operator", "nothing": None}


def test_one_finding_is_shown_with_what_was_said_about_it(signed_in: Ata, portal: StandIn) -> None:
    one = finding(
        1,
        status="dismissed",
        status_by="Olu Operator",
        status_at=stamp(7200),
        reason="a fixture of our tests",
        url="http://localhost:8000/enforcement/findings/3/",
    )
    portal.on("GET", f"/v1/findings/{one['id']}", Reply(200, one))
    lines = signed_in("findings", "show", one["id"]).stdout.splitlines()
    assert lines[0] == f"CRITICAL: {one['title']}"
    assert "  About    skill pdf-exfil" in lines
    assert any(re.match(r"  Status   dismissed by Olu Operator, .* \(2 h ago\)$", x) for x in lines)
    assert lines[-1] == f"  Page     {one['url']}"


@pytest.mark.parametrize("group", ["findings", "alert"])
def test_a_finding_is_dismissed_by_either_name(signed_in: Ata, portal: StandIn, group: str) -> None:
    portal.on("POST", "/v1/decisions", Reply(201, {"event_id": "e", "effects": []}))
    words = (group, "dismiss", "f-1", "--reason", "known", "--instance", "edge-1")
    assert signed_in.here(*words).exit_code == 0
    assert portal.seen("POST", "/v1/decisions")[0].json == {
        "verb": "alert.dismiss",
        "target": {"kind": "alert", "name": "f-1", "instance": "edge-1"},
        "reason": "known",
    }


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_where_none_is_wanted(
    signed_in: Ata, portal: StandIn, env: dict[str, str]
) -> None:
    portal.on("GET", "/v1/findings", Reply(200, {"items": [finding(1)], "next": None}))
    assert "\x1b" not in signed_in.on_a_terminal("findings", rows=40, columns=80, typed="", **env)
