"""Administrative acts at a gateway that no decision covers: found once, whichever way they come."""

from __future__ import annotations

import json
import lzma
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals import clock
from audit import importing
from audit.ingest.pushes import drain
from audit.recording.actors import Actor, Target
from enforcement.bypasses import administrative_acts
from enforcement.models import AdministrativeAct, Watch
from tests.audit import imports, pushing
from tests.enforcement.gateways import Edge, Town, sentences, settle
from tests.enforcement.test_rows_are_matched_by_tags import call, take

pytestmark = pytest.mark.django_db

Do = Callable[[], None]
Look = Callable[[], int]
SKILL = Target("skill", "pdf-exfil", "edge-1")
RECORDED = Path(__file__).parents[1] / "audit/recorded"
EXFIL = {"target_type": "skill", "target_name": "pdf-exfil", "reason": "I know better"}


def found() -> list[dict[str, Any]]:
    return imports.events(action="bypass.found")


def command_row(edge: Edge, row_id: str, action: str, at: datetime | None = None) -> None:
    """The row of an act at the terminal."""
    imports.audit_row(
        edge.database, row_id, action=action, target="pdf-exfil", actor="cli",
        details="reason= connector=", timestamp=(at or clock.now()).isoformat(),
    )  # fmt: skip


def test_an_unblock_at_the_gateway_itself_is_found_once_and_named_as_relaxing(
    edge: Edge, look: Look
) -> None:
    call(edge, "DELETE", "/enforce/block", EXFIL)
    for name in ("edge-1", "edge-1", "a-copy"):
        take(edge, name)
    (event,) = found()
    assert (event["severity"], event["instance"]) == ("HIGH", "edge-1")
    assert event["target"] == {"kind": "skill", "name": "pdf-exfil", "instance": "edge-1"}
    (row,) = imports.events(action="defenseclaw.api-enforce-unblock", instance="edge-1")
    assert event["data"]["row_event"] == row["id"] and event["time"] == row["time"]
    assert (event["data"]["act"], event["data"]["relaxes"]) == ("unblock", True)
    assert event["data"]["host"] == "127.0.0.1"
    assert sentences("bypass.found") == [
        "edge-1 recorded api-enforce-unblock of skill pdf-exfil, which no decision here covers"
    ]


def test_a_block_at_the_gateway_itself_restricts(edge: Edge, look: Look) -> None:
    call(edge, "POST", "/enforce/block", EXFIL)
    take(edge)
    assert [(e["severity"], e["data"]["relaxes"]) for e in found()] == [("MEDIUM", False)]


@pytest.mark.parametrize("reason", ["fine action=block", "action=deny", "x\naction=block y"])
def test_no_reason_hides_that_an_act_relaxes(edge: Edge, look: Look, reason: str) -> None:
    call(edge, "POST", "/enforce/allow", EXFIL | {"reason": reason})
    take(edge)
    assert [(e["severity"], e["data"]["act"]) for e in found()] == [("HIGH", "allow")]
    (row,) = imports.events(action="defenseclaw.api-enforce-allow")
    assert row["outcome"] == "success"


def test_what_this_portal_decided_is_no_bypass(
    town: Town, edge: Edge, look: Look, olu: Actor, do_due: Do
) -> None:
    for act in ("hold", "release", "block", "unblock", "allow", "unblock"):
        settle(olu, SKILL, act)
        do_due()
    take(edge)
    assert found() == []
    assert AdministrativeAct.objects.filter(operation="").count() == 0
    call(edge, "POST", "/enforce/allow", EXFIL)
    take(edge)
    assert [e["data"]["act"] for e in found()] == ["allow"]


def test_a_row_without_a_tag_joins_a_step_of_its_verb_and_target_once(
    town: Town, edge: Edge, look: Look, olu: Actor, do_due: Do
) -> None:
    """As 0.2.0 writes them: it repeats no request id, and cuts the reason of a hold."""
    settle(olu, SKILL, "unblock")
    do_due()
    with closing(sqlite3.connect(edge.database)) as database, database:
        database.execute("UPDATE audit_events SET request_id = '', run_id = ''")
        database.execute("DELETE FROM audit_events WHERE action != 'api-enforce-unblock'")
    take(edge)
    assert found() == []
    command_row(edge, "other-verb", "skill-allow")
    command_row(edge, "much-later", "skill-unblock", clock.now() + timedelta(minutes=9))
    call(edge, "DELETE", "/enforce/block", EXFIL)
    take(edge)
    acts = Counter(e["data"]["reported_action"] for e in found())
    assert acts == {"skill-allow": 1, "skill-unblock": 1, "api-enforce-unblock": 1}


def test_rows_of_one_act_are_one(edge: Edge, look: Look) -> None:
    """0.2.0 logs a disable twice, and HEAD one for each agent."""
    now = clock.now()
    command_row(edge, "a", "api-skill-disable", now)
    command_row(edge, "b", "skill-disable", now + timedelta(seconds=1))
    command_row(edge, "c", "skill-disable", now + timedelta(seconds=2))
    take(edge)
    assert [e["data"]["reported_action"] for e in found()] == [
        "api-skill-disable",
        "skill-disable",
    ], "the third is another act"


def test_a_flood_of_alike_acts_costs_as_many_queries_for_each(edge: Edge, look: Look) -> None:
    """Who holds the token of a gateway can write them; each was compared with all before it."""
    now, queries = clock.now(), []
    for number in range(4):
        for one in range(20):
            command_row(edge, f"{number}-{one}", "skill-enable", now)
        with CaptureQueriesContext(connection) as asked:
            take(edge)
        queries.append(len(asked))
    assert len(found()) == 80
    assert queries[3] == queries[1]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("guardrail-block-message", "message=hello"), ("guardrail-disable", "mode=observe")),
        (("policy-create", "name=x"), ("policy-activate", "name=x")),
        (("guardrail-config-reload", "mode=action"), ("config-update", "")),
        (("guardrail-disable", "mode=observe"), ("guardrail-hilt", "enabled=false")),
    ],
)
def test_an_act_is_not_hidden_by_another_of_the_same_moment(
    edge: Edge, look: Look, first: tuple[str, str], second: tuple[str, str]
) -> None:
    for after, (action, details) in enumerate((first, second)):
        imports.audit_row(
            edge.database, action, action=action, target="all", actor="cli", details=details,
            timestamp=(clock.now() + timedelta(seconds=after)).isoformat(),
        )  # fmt: skip
    take(edge)
    acts = {e["data"]["reported_action"]: e["severity"] for e in found()}
    assert acts.keys() == {first[0], second[0]} and acts[second[0]] == "HIGH"


def test_what_was_stored_before_the_first_look_is_history(edge: Edge, look: Look) -> None:
    command_row(edge, "old", "skill-allow", clock.now() - timedelta(hours=1))
    take(edge)
    assert found() == []
    assert imports.events(action="defenseclaw.skill-allow") != []


def test_a_gateway_that_nobody_watches_has_no_bypasses(edge: Edge, town: Town) -> None:
    command_row(edge, "new", "skill-allow")
    take(edge)
    assert found() == []


@pytest.mark.parametrize(
    ("action", "details", "act", "relaxes"),
    [
        ("skill-quarantine", "reason=second look", "quarantine", False),
        ("plugin-restore", "", "restore", True),
        ("block-mcp", "", "block", False),
        ("mcp-set", "command=npx", "set", True),
        ("mcp-unset", "", "unset", False),
        ("guardrail-disable", "connector=codex restart=true", "guardrail", True),
        ("guardrail-disable", "reason=until mode=action works", "guardrail", True),
        ("guardrail-enable", "connector=codex", "guardrail", False),
        ("guardrail-fail-mode", "scope=global new=closed restart=false", "guardrail", False),
        ("guardrail-fail-mode", "scope=global new=open", "guardrail", True),
        ("guardrail-config-reload", "mode=observe", "configuration", True),
        ("guardrail-config-reload", "mode=action", "configuration", False),
        ("setup-hook-connector", "connector=codex mode=observe surface=hook", "hooks", True),
        ("connector-hook-tampered", "", "hooks", True),
        ("policy-activate", "source=x", "policy", True),
        ("policy-delete", "reason=was enabled=true before", "policy", True),
        ("setup-guardrail", "mode=observe scanner_mode=local hilt=False", "guardrail", True),
        (
            "setup-guardrail",
            "mode=action scanner_mode=local model= hilt=False disable_redaction=False",
            "guardrail",
            False,
        ),
        (
            "setup-guardrail",
            "mode=action scanner_mode=local model= hilt=False disable_redaction=True",
            "guardrail",
            True,
        ),
        ("setup-guardrail", "disabled connector=claudecode", "guardrail", True),
        ("guardrail-hilt", "scope=x count=2 state=off min_severity=preserve", "guardrail", True),
        ("guardrail-hilt", "scope=x count=2 state=on min_severity=preserve", "guardrail", False),
        ("judge-hooks", "remove codex hook_connectors=[] restart=True", "guardrail", True),
        ("judge-hooks", "add codex hook_connectors=['codex']", "guardrail", False),
        ("setup-gateway", "mode=remote host=127.0.0.1 port=18789", "configuration", True),
        ("setup-hook-connector", "connector=codex action=remove remaining=", "hooks", True),
        ("setup-hook-connector", "connector=codex mode=action surface=hook", "hooks", False),
        ("setup-redaction-toggle", "disable_redaction=True", "redaction", True),
        ("setup-redaction-toggle", "disable_redaction=False", "redaction", False),
        ("setup-redaction-policy", "action=remove-all changed_legs=0", "redaction", True),
        ("setup-skill-scanner", "use_llm=False policy=permissive", "scanners", True),
        ("setup-observability", "action=remove name=portal", "destinations", True),
        ("setup-observability", "action=add-v8 preset=splunk", "destinations", False),
    ],
)
def test_acts_of_people_are_told_from_their_rows(
    action: str, details: str, act: str, relaxes: bool
) -> None:
    said = administrative_acts.of_row(action, details)
    assert said is not None
    assert (said.act, said.relaxes) == (act, relaxes)


@pytest.mark.parametrize(
    "action",
    [
        *("watcher-block", "sidecar-watcher-disable", "sidecar-watcher-block-mcp", "quarantine"),
        *("install-rejected", "asset-policy", "sidecar-start", "api-skill-scan", "rescan"),
        *("config.change.applied", "mcp-set-blocked", "mcp-unset-noop", "scan-enforced"),
        *("connector-hook", "api-auth-failure", "alert.dismissal.requested", "guardrail-verdict"),
    ],
)
def test_what_a_gateway_does_itself_is_no_act_of_a_person(action: str) -> None:
    assert administrative_acts.of_row(action, "") is None


def pushed_as(generation: str, rows: list[dict[str, Any]]) -> None:
    if generation == "a-0.2.0":
        pushing.hec(pushing.lines(pushing.event_of_0_2_0(row) for row in rows))
    elif generation == "b-0.8.4":
        events = [pushing.event_of_0_8_4(row) for row in rows]
        pushing.hec(pushing.lines(json.dumps({"time": 1.0, "event": event}) for event in events))
    else:
        pushing.jsonl(pushing.lines(pushing.record_of(row) for row in rows))


@pytest.mark.parametrize("generation", ["a-0.2.0", "b-0.8.4", "c-head"])
@pytest.mark.parametrize("first", ["push", "database"])
def test_a_recorded_day_has_each_act_once_over_both_ways(
    tmp_path: Path, settings: LazySettings, generation: str, first: str
) -> None:
    pushing.register(tmp_path, settings)
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    Watch.objects.create(name="edge-1", due=clock.now(), watched_since=long_ago)
    path = tmp_path / "audit.db"
    path.write_bytes(lzma.decompress((RECORDED / f"{generation}.db.xz").read_bytes()))
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as database:
        database.row_factory = sqlite3.Row
        rows = [dict(row) for row in database.execute("SELECT * FROM audit_events")]
    people = [
        row["id"]
        for row in rows
        if administrative_acts.of_row(row["action"], str(row["details"] or ""))
    ]
    for way in (first, "database" if first == "push" else "push") * 2:
        if way == "database":
            importing.run(path, "edge-1")
        else:
            pushed_as(generation, rows)
            drain.run_due()
    acts = AdministrativeAct.objects.all()
    assert acts.count() == len(people) > 10
    assert len(found()) == acts.exclude(bypass=None).count() == acts.filter(part_of=None).count()
    assert not {e["data"]["reported_action"] for e in found()} & {"quarantine", "watcher-block"}
