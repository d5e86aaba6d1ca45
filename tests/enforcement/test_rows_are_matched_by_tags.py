"""Rows of a gateway next to our decisions: a tag shows what a row repeats, never who wrote it."""

from __future__ import annotations

import importlib
import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction

from approvals.pipeline.service import perform
from audit import importing
from audit.db import insert_only
from audit.importing import decision_tag_hmac, portal_operation_lookup
from audit.importing.mapping import mapper
from audit.importing.portal_operation_lookup import Operation
from audit.importing.report import ImportReport
from audit.importing.source_row_identity import SourceRow
from audit.models import EventRow, RepeatedTag
from audit.recording.actors import Actor, Target
from audit.recording.record import Draft, record
from audit.verification.checks import first_rows_by_decision_tag
from tests.audit import imports
from tests.enforcement.gateways import TOKEN, Edge, Town, settle
from tests.enforcement.wire import Wire, wire_to

Do = Callable[[], None]
SERVER = Target("mcp", "github")

pytestmark = pytest.mark.django_db


def call(edge: Edge, method: str, path: str, body: dict[str, str], request: str = "") -> None:
    """What anybody with the shared token can send, as with curl."""
    headers = {"Authorization": f"Bearer {TOKEN}", "X-DefenseClaw-Client": "curl"}
    if request:
        headers["X-DefenseClaw-Request-Id"] = request
    answer = httpx.request(
        method, f"http://127.0.0.1:{edge.port}{path}", json=body, headers=headers
    )
    assert answer.status_code == 200, answer.text


def rows(action: str) -> list[dict[str, Any]]:
    return imports.events(source="defenseclaw", action=f"defenseclaw.{action}")


def take(edge: Edge, name: str = "") -> ImportReport:
    return importing.run(edge.database, name or edge.name)


def tag_at(edge: Edge, action: str = "api-enforce-block") -> str:
    ((tag,),) = edge.rows("SELECT request_id FROM audit_events WHERE action = ?", action)
    return str(tag)


@pytest.fixture
def wire(town: Town, edge: Edge) -> Iterator[Wire]:
    """The portal reaches edge-1 over this wire only."""
    with wire_to(edge.port) as made:
        direct, edge.port = edge.port, made.port
        town.write()
        edge.port = direct
        yield made


@pytest.fixture
def blocked(town: Town, edge: Edge, olu: Actor, do_due: Do) -> str:
    """Olu blocks an MCP server at edge-1 and edge-2; the operation."""
    settle(olu, SERVER, "block")
    do_due()
    return tag_at(edge).partition(".")[0]


def test_an_honest_row_matches_the_decision_and_proves_no_person(edge: Edge, blocked: str) -> None:
    report = take(edge)
    (act,) = rows("api-enforce-block")
    assert act["data"]["repeats"] == "tag"
    assert act["operation"] == blocked
    assert act["human"] == "H0"
    assert act["actor"]["sub"] == "" and act["data"]["actor_provenance"] == "shared-token"
    (named,) = rows("block-mcp")
    assert (named["data"]["repeats"], named["operation"]) == ("tag", blocked)
    assert report.misused == 0 and rows("tag_misused") == []


def test_an_allow_with_the_id_of_a_block_only_repeats_what_anybody_can_read(
    edge: Edge, blocked: str, olu: Actor
) -> None:
    body = {"target_type": "mcp", "target_name": "github", "reason": "attacker"}
    call(edge, "POST", "/enforce/allow", body, blocked)
    take(edge)
    (forged,) = rows("api-enforce-allow")
    assert forged["data"]["repeats"] == "id"
    assert forged["data"]["repeats_operation"] == blocked
    assert forged["operation"] == ""
    assert forged["actor"]["sub"] == "" and forged["actor"]["name"] != olu.name
    assert forged["data"]["actor_provenance"] == "shared-token"


def test_an_allow_with_the_tag_of_a_block_is_an_alarm_that_names_both(
    edge: Edge, blocked: str
) -> None:
    body = {"target_type": "mcp", "target_name": "github", "reason": "attacker"}
    call(edge, "POST", "/enforce/allow", body, tag_at(edge))
    assert take(edge).misused == 1
    (genuine,), (forged,), (alarm,) = (
        rows("api-enforce-block"), rows("api-enforce-allow"), rows("tag_misused"),
    )  # fmt: skip
    assert genuine["data"]["repeats"] == "tag"
    assert forged["data"]["repeats"] == "id" and forged["operation"] == ""
    assert alarm["severity"] == "HIGH"
    assert alarm["data"]["misuse"] == "other_content"
    assert alarm["data"]["row_event"] == forged["id"]
    assert alarm["data"]["first_event"] == genuine["id"]


@pytest.mark.parametrize("where", ["request id", "reason"])
def test_the_same_act_sent_again_with_the_same_tag_is_an_alarm(
    edge: Edge, blocked: str, where: str
) -> None:
    tag = tag_at(edge)
    body = {"target_type": "mcp", "target_name": "github", "reason": f"[ATA {tag}]"}
    call(edge, "POST", "/enforce/block", body, tag if where == "request id" else "")
    take(edge)
    (alarm,) = rows("tag_misused")
    assert alarm["data"]["misuse"] == "second_row"
    first, second = rows("api-enforce-block")
    assert (first["data"]["repeats"], second["data"]["repeats"]) == ("tag", "id")
    assert (alarm["data"]["first_event"], alarm["data"]["row_event"]) == (first["id"], second["id"])


def test_a_tag_on_another_target_or_at_another_gateway_is_an_alarm(
    edge: Edge, town: Town, blocked: str
) -> None:
    tag = tag_at(edge)
    other = {"target_type": "mcp", "target_name": "gitlab", "reason": ""}
    call(edge, "POST", "/enforce/block", other, tag)
    same = {"target_type": "mcp", "target_name": "github", "reason": ""}
    call(town.edges["edge-2"], "POST", "/enforce/block", same, tag)
    assert take(town.edges["edge-2"]).misused == 1  # read before the row that the tag belongs to
    assert take(edge).misused == 1
    assert {alarm["instance"] for alarm in rows("tag_misused")} == {"edge-1", "edge-2"}
    matched = [row for row in rows("api-enforce-block") if row["data"].get("repeats") == "tag"]
    assert sorted(row["instance"] for row in matched) == ["edge-1", "edge-2"]


def test_importing_again_or_under_another_name_accuses_no_honest_row(
    edge: Edge, blocked: str
) -> None:
    for name in ("edge-1", "edge-1", "a-copy"):
        assert take(edge, name).misused == 0
    (first, copied) = rows("api-enforce-block")
    assert {first["data"]["repeats"], copied["data"]["repeats"]} == {"tag", "id"}


def test_a_further_try_has_a_separate_tag_and_is_no_alarm(
    town: Town, edge: Edge, wire: Wire, olu: Actor, do_due: Do
) -> None:
    wire.lose_answers_of.add("DELETE /enforce/block")
    settle(olu, Target("mcp", "github", "edge-1"), "unblock")
    do_due()
    assert len(edge.rows("SELECT 1 FROM audit_events WHERE action = 'api-enforce-unblock'")) == 2
    assert take(edge).misused == 0
    assert [row["data"]["repeats"] for row in rows("api-enforce-unblock")] == ["tag", "tag"]


def test_a_refused_call_with_our_tag_is_no_alarm(edge: Edge, blocked: str) -> None:
    httpx.post(
        f"http://127.0.0.1:{edge.port}/enforce/block",
        json={},
        headers={"X-DefenseClaw-Client": "x", "X-DefenseClaw-Request-Id": tag_at(edge)},
    )
    assert len(edge.rows("SELECT 1 FROM audit_events WHERE action = 'api-auth-failure'")) == 1
    assert take(edge).misused == 0


def test_a_made_up_tag_matches_nothing_and_accuses_nobody(edge: Edge, blocked: str) -> None:
    body = {"target_type": "mcp", "target_name": "github", "reason": ""}
    call(edge, "POST", "/enforce/allow", body, f"{blocked}.1-0a1b2c3d.{'A' * 22}")
    assert take(edge).misused == 0
    (forged,) = rows("api-enforce-allow")
    assert (forged["data"]["repeats"], forged["operation"]) == ("id", "")


def test_the_oldest_gateways_repeat_the_tag_in_a_reason_cut_to_120_characters(
    town: Town, edge: Edge, olu: Actor, do_due: Do
) -> None:
    settle(olu, Target("skill", "pdf-exfil"), "block")
    do_due()
    for name, reason in edge.blocked().items():
        assert len(decision_tag_hmac.find(reason[:120])) == 1, (name, reason)


def test_a_reason_is_shown_without_its_tag(town: Town, edge: Edge, olu: Actor, do_due: Do) -> None:
    perform(olu, "tool.block", Target("tool", "shell.exec"), reason="not here", severity="LOW")
    do_due()
    take(edge)
    (act,) = rows("api-enforce-block")
    assert act["reason"] == "not here"


def test_a_stamp_is_read_back_only_by_a_tag_that_verifies(
    edge: Edge, town: Town, wire: Wire, olu: Actor, do_due: Do
) -> None:
    """A row that copies the id of the operation must not pass for the row with the person."""
    stamp = "POST /api/v1/observability/cli"
    wire.answer_instead[stamp] = (500, {}, b"{}")
    settle(olu, Target("mcp", "github", "edge-1"), "block")
    do_due()
    operation = tag_at(edge).partition(".")[0]
    imports.audit_row(
        edge.database, action="block-mcp", actor="mallory",
        request_id=f"{operation}.1-0a1b2c3d.{'A' * 22}",
    )  # fmt: skip
    del wire.answer_instead[stamp]
    do_due()
    assert len(edge.rows("SELECT 1 FROM audit_events WHERE action = 'block-mcp'")) == 2


def test_tags_are_bound_to_every_part_of_what_was_tried() -> None:
    content = decision_tag_hmac.Content("api-enforce-block", "mcp", "github", "edge-1")
    operation = "0193f7a2-6f3e-7c51-9d2b-000000000001"
    text = decision_tag_hmac.mint(operation, 1, content)
    (tag,) = decision_tag_hmac.find(json.dumps({"reason": f"[ATA {text}] x"}))
    assert tag.verifies(content)
    for other in (("api-enforce-allow", "mcp", "github", "edge-1"),
                  ("api-enforce-block", "skill", "github", "edge-1"),
                  ("api-enforce-block", "mcp", "gitlab", "edge-1"),
                  ("api-enforce-block", "mcp", "github", "edge-2")):  # fmt: skip
        assert not tag.verifies(decision_tag_hmac.Content(*other))
    for changed in (text.replace(".1-", ".2-"), re.sub("^0", "1", text)):
        assert not decision_tag_hmac.find(changed)[0].verifies(content)
    assert decision_tag_hmac.mint(operation, 1, content) != text


def test_tags_are_run_ids_that_head_accepts_and_older_ones_still_verify() -> None:
    content = decision_tag_hmac.Content("skill-unblock", "skill", "pdf-exfil", "edge-1")
    text = decision_tag_hmac.mint(str(uuid4()), 1, content)
    assert re.fullmatch(r"[a-z0-9][a-z0-9._-]*", text)
    assert len(f"[ATA {text}] ") < 120, "0.2.0 cuts a reason there"
    front, _, mac = text.rpartition(".")
    old = b64encode(bytes.fromhex(mac), b"-_").decode().rstrip("=")
    (tag,) = decision_tag_hmac.find(f"{front}.{old}")
    assert tag.verifies(content)


def test_a_row_of_the_command_line_is_matched_by_its_run_id(
    town: Town, edge: Edge, olu: Actor, do_due: Do
) -> None:
    target = Target("skill", "pdf-exfil", "edge-1")
    settle(olu, target, "block")
    do_due()
    operation = tag_at(edge).partition(".")[0]
    content = decision_tag_hmac.Content("skill-unblock", "skill", "pdf-exfil", "edge-1")
    tag = decision_tag_hmac.mint(operation, 1, content)
    imports.audit_row(
        edge.database, action="skill-unblock", target="pdf-exfil", actor="cli",
        details="manual unblock via CLI", run_id=tag,
    )  # fmt: skip
    take(edge)
    (act,) = rows("skill-unblock")
    assert (act["data"]["repeats"], act["operation"]) == ("tag", operation)
    assert first_rows_by_decision_tag.problem(RepeatedTag.objects.get(tag=tag)) == ""


def test_an_import_reads_only_the_operations_that_its_rows_name(
    edge: Edge, blocked: str, olu: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(20):
        record(olu, "mcp.blocked", target=SERVER, operation=str(uuid4()))
    read: set[UUID] = set()

    class Counted(Operation):
        def __init__(self, event: UUID) -> None:
            super().__init__(event)
            read.add(event)

    monkeypatch.setattr(portal_operation_lookup, "Operation", Counted)
    events = EventRow.objects.filter(source="portal", operation=blocked).count()
    take(edge)
    assert [row["data"]["repeats"] for row in rows("api-enforce-block")] == ["tag"]
    assert len(read) == events


def test_a_row_that_was_set_aside_leaves_no_tag_behind(
    edge: Edge, blocked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> str:
        raise mapper.Malformed("bad_time", "of the test")

    with monkeypatch.context() as broken:
        broken.setattr(mapper, "_action", fails)
        take(edge)
    assert not RepeatedTag.objects.exists()
    take(edge)
    assert {row["data"].get("repeats") for row in rows("api-enforce-block")} == {"tag"}


@pytest.mark.parametrize("fault", ["malformed", "not recordable"])
def test_a_row_that_was_set_aside_makes_no_other_one_a_copy(
    edge: Edge, blocked: str, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    body = {"target_type": "mcp", "target_name": "github", "reason": "again"}
    tag = tag_at(edge)
    call(edge, "POST", "/enforce/block", body, tag)
    whole, refused = mapper.Mapper.draft, list[str]()

    def draft(self: mapper.Mapper, row: SourceRow, digest: bytes) -> Draft:
        made = whole(self, row, digest)
        if made.action != "defenseclaw.api-enforce-block" or refused not in ([], [row.id]):
            return made
        refused[:] = [row.id]
        if fault == "malformed":
            raise mapper.Malformed("bad_time", "of the test")
        return replace(made, data={"long": "x" * 70_000})

    monkeypatch.setattr(mapper.Mapper, "draft", draft)
    report = take(edge)
    assert sum(report.reasons.values()) == 1
    (second,) = rows("api-enforce-block")
    assert second["data"]["repeats"] == "tag"
    assert report.misused == 0 and rows("tag_misused") == []
    kept = RepeatedTag.objects.get(tag=tag)
    assert kept.event == UUID(second["id"])


def test_tags_of_rows_that_are_no_events_go_with_the_upgrade(edge: Edge, blocked: str) -> None:
    """Versions before kept the tag of a row that was set aside, and accused the next one."""
    take(edge)
    kept = set(RepeatedTag.objects.values_list("tag", flat=True))
    RepeatedTag.objects.create(tag=f"{blocked}.1-00000000.{'a' * 22}", event=uuid4(), row_id="x")
    migration = importlib.import_module("audit.migrations.0023_tags_without_events")

    def execute(sql: str, params: None) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql, params)

    editor = SimpleNamespace(connection=connection, execute=execute)
    migration.drop_tags_without_events(apps, editor)
    assert set(RepeatedTag.objects.values_list("tag", flat=True)) == kept != set()
    assert insert_only.problems() == []
    with pytest.raises(IntegrityError), transaction.atomic():
        RepeatedTag.objects.all().delete()
