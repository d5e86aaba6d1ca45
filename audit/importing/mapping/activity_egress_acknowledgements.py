"""`activity_events`, `network_egress_events` and `alert_acknowledgement_operations`."""

from __future__ import annotations

from datetime import datetime

from audit.importing import foreign_json
from audit.importing.mapping import outcomes, row_actors, severities
from audit.importing.mapping.mapped_facts import Facts, changes_of, codes, opaque
from audit.importing.source_row_identity import SourceRow


def activity_facts(row: SourceRow, time: datetime) -> Facts:
    """What an activity of generation 7 says: somebody changed something, before and after."""
    action = row.text("action")
    states = (foreign_json.load(row.text("before_json")), foreign_json.load(row.text("after_json")))
    return Facts(
        time=time,
        action=action,
        severity=severities.of(""),
        claim=row_actors.resolve({}, {}, row.text("actor"), action=action, source=""),
        kind=row.text("target_type"),
        name=row.text("target_id"),
        agent=opaque(row.text("agent_id")),
        request=opaque(row.text("request_id")),
        reason=row.text("reason"),
        changes=changes_of(*states),
        data=codes(row.values, "run_id", "trace_id", "version_from", "version_to"),
    )


def egress_facts(row: SourceRow, time: datetime) -> Facts:
    """What an outgoing connection of an agent says."""
    facts = Facts(
        time=time,
        action="egress",
        severity=severities.of(row.text("severity")),
        outcome="denied" if row.values.get("blocked") else "success",
        kind="host",
        name=row.text("hostname"),
        agent=opaque(row.text("agent_id") or row.text("connector")),
        session=opaque(row.text("session_id")),
        user=row.text("user_id"),
        reason=row.text("policy_outcome"),
        data=codes(
            row.values,
            "decision_code",
            "http_method",
            "protocol",
            "connector",
            "tool_id",
            "agent_lifecycle_id",
            "agent_execution_id",
            "root_agent_id",
            "parent_agent_id",
        ),
    )
    for column in ("url", "details"):
        if text := row.text(column):
            facts.private[column] = text
    return facts


def disposition_facts(row: SourceRow, time: datetime) -> Facts:
    """What an acknowledgement or dismissal of an alert says."""
    wanted = row.text("requested_disposition")
    act = wanted if wanted in {"acknowledged", "dismissed"} else "disposition"
    return Facts(
        time=time,
        action=f"alert-{act}",
        severity=severities.of(""),
        claim=row_actors.resolve({}, {}, row.text("actor"), action=f"{act}-alert", source=""),
        outcome=outcomes.of_word(row.text("outcome")),
        kind="alert",
        name=row.text("alert_id"),
        data=codes(
            row.values,
            "alert_id",
            "event_id",
            "rejection_reason",
            "expected_projection_version",
            "projection_version_before",
            "projection_version_after",
        ),
    )
