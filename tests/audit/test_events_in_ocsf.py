"""Exported OCSF is valid by the schema that other people publish, whatever the event says."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import ocsf_json_schema
import pytest
from jsonschema_rs import Draft202012Validator

from audit import exports
from audit.ledger.format import ocsf
from audit.ledger.query import EventQuery
from audit.models import EventRow
from audit.recording import action_registry, stored_event_loader
from audit.recording.actors import Subject, Target
from audit.recording.record import record
from audit.sequencing.sequencer import run_once
from tests.audit.factories import ADA, MIA, OLU

pytestmark = pytest.mark.django_db

NAMES = {
    0: "base_event",
    1008: "event_log_actvity",  # spelt so in the schema
    2003: "compliance_finding",
    2004: "detection_finding",
    3002: "authentication",
    3004: "entity_management",
    6003: "api_activity",
}
SEVERAL = [*action_registry.names(), "defenseclaw.skill-block", "external.deployed"]


@cache
def schema() -> ocsf_json_schema.OcsfJsonSchemaEmbedded:
    return ocsf_json_schema.OcsfJsonSchemaEmbedded(
        ocsf_json_schema.get_ocsf_schema(version=ocsf.VERSION)
    )


@cache
def validator(class_uid: int, *profiles: str) -> Draft202012Validator:
    return Draft202012Validator(schema().get_class_schema(NAMES[class_uid], list(profiles)))


def mistakes(event: dict[str, Any]) -> list[str]:
    judge = validator(event["class_uid"], *event["metadata"].get("profiles", ()))
    return [error.message for error in judge.iter_errors(event)]


@pytest.fixture
def event() -> dict[str, Any]:
    """A public event with every member that an event can have."""
    record(
        OLU,
        "skill.blocked",
        target=Target("skill", "pdf-exfil", "edge-1"),
        on_behalf_of=Subject(MIA.iss, MIA.sub, MIA.name, MIA.email),
        reason="a scan found it",
    )
    run_once()
    return stored_event_loader.load(EventRow.objects.get().event)


BARE: dict[str, Any] = {
    "target": None, "reason": "", "agent": "", "skill": "", "via": "", "connection": "",
    "instance": "", "operation": "", "approval": "", "index": None,
    "actor": {"iss": "", "sub": "", "name": "", "email": "", "roles": []},
}  # fmt: skip
GONE = {"erased": True}
ERASED: dict[str, Any] = {
    "actor": {"iss": "https://a.example/", "sub": GONE, "name": GONE, "email": GONE, "roles": []},
    "target": {"kind": "person", "name": GONE, "instance": ""},
    "reason": GONE,
}


@pytest.mark.parametrize("change", [{}, BARE, ERASED], ids=["full", "bare", "erased"])
def test_every_action_is_valid_ocsf_however_little_is_known(
    event: dict[str, Any], change: dict[str, Any]
) -> None:
    for action in SEVERAL:
        for outcome in ("success", "failure", "denied", "expired", "cancelled", "pending"):
            told = ocsf.of(event | change | {"action": action, "outcome": outcome})
            assert not mistakes(told), (action, mistakes(told))


def test_a_sign_in_an_act_and_a_token_have_the_classes_a_siem_looks_for(
    event: dict[str, Any],
) -> None:
    types = {
        action: ocsf.of(event | {"action": action})["type_uid"]
        for action in ("operator.signed_in", "approval.denied", "skill.blocked", "skill.released",
                       "connection.revoked", "token.exchanged", "finding.opened", "audit.exported",
                       "review.closed", "defenseclaw.skill-block")
    }  # fmt: skip
    assert types == {
        "operator.signed_in": 300201,
        "approval.denied": 300206,
        "skill.blocked": 300409,
        "skill.released": 300413,
        "connection.revoked": 300407,
        "token.exchanged": 600301,
        "finding.opened": 200401,
        "audit.exported": 100803,
        "review.closed": 200303,
        "defenseclaw.skill-block": 99,
    }


def test_no_action_of_ours_is_left_without_an_activity_by_accident() -> None:
    other = {name for name in action_registry.names() if ocsf.class_of(name)[1] == 99}
    assert other == {
        "access.refused", "audit.imported", "audit.quarantined", "audit.sample_asked",
        "audit.sampled", "audit.verified", "audit.view_shared", "audit.view_unshared",
        "audit.viewed",
        "breakglass.used", "connection.use_seen", "defenseclaw.rows", "effect.observed",
        "evidence.key_changed", "evidence.read",
        "ledger.adopted", "ledger.key_changed", "legal_hold.lifted", "legal_hold.placed",
        "mcp.override_logged", "plugin.override_logged", "skill.override_logged",
        "tool.override_logged",
    }  # fmt: skip


def test_who_what_and_when_stand_under_their_names(event: dict[str, Any]) -> None:
    told = ocsf.of(event)
    assert told["actor"]["user"]["uid"] == OLU.sub and told["actor"]["idp"]["uid"] == OLU.iss
    assert told["entity"] == {"name": "pdf-exfil", "type": "skill"}
    assert (told["severity_id"], told["status_id"], told["status"]) == (4, 1, "success")
    assert told["metadata"]["uid"] == event["id"] and told["metadata"]["sequence"] == 0
    assert told["status_detail"] == "a scan found it" and told["unmapped"]["ata"] == event
    whole, fraction = divmod(told["time"], 1000)
    assert event["time"].endswith(f".{fraction:03}{event['time'][-4:]}") and whole > 1_700_000_000


def test_a_file_in_ocsf_is_valid_line_by_line_and_named_for_what_it_is(
    event: dict[str, Any],
) -> None:
    job = exports.request(ADA, EventQuery.from_bar(""), "ocsf")
    lines = b"".join(exports.stream(job.id)).splitlines()
    assert [mistakes(json.loads(line)) for line in lines] == [[]]
    job.refresh_from_db()
    manifest = exports.manifest_of(job)
    assert manifest["file"]["name"].endswith(".ocsf.ndjson") and manifest["format"] == "ocsf"
