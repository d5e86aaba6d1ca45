"""An event as OCSF 1.8.0 JSON (Open Cybersecurity Schema Framework), for a SIEM.

What OCSF has a name for stands under that name; the whole event, as the API shows it, stands in
`unmapped.ata`. Everything outside it follows from it, so a reader needs only one of the two and
a verifier compares the file with the log by it. Other systems' own actions are base events: what
they mean is theirs to say. An event's class depends on its action alone and never on its text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from audit.ledger.format.table_cells import ERASED, Event

VERSION: Final = "1.8.0"

type _Class = tuple[int, int]

_BASE: Final = (0, 99)
_DETECTION, _COMPLIANCE = 2004, 2003
_AUTHENTICATION, _ENTITY, _API, _EVENT_LOG = 3002, 3004, 6003, 1008
_CREATE, _READ, _UPDATE, _DELETE = 1, 2, 3, 4
_ENROLL, _UNENROLL, _ENABLE, _DISABLE, _SUSPEND, _RESUME = 6, 7, 8, 9, 12, 13
_OTHER: Final = 99

_ENTITY_VERBS: Final[Mapping[str, int]] = {
    "held": _SUSPEND,
    "released": _RESUME,
    "blocked": _DISABLE,
    "unblocked": _ENABLE,
    "allowed": _ENABLE,
    "quarantined": _DISABLE,
    "restored": _ENABLE,
    "frozen": _SUSPEND,
    "unfrozen": _RESUME,
    "connected": _ENROLL,
    "registered": _ENROLL,
    "enrolled": _ENROLL,
    "removed": _UNENROLL,
    "revoked": _UNENROLL,
    "suspended": _SUSPEND,
    "resumed": _RESUME,
    "fell_asleep": _SUSPEND,
    "awake": _RESUME,
    "woken": _RESUME,
    "restricted": _UPDATE,
    "relaxed": _UPDATE,
    "configured": _UPDATE,
    "changed": _UPDATE,
    "declared": _UPDATE,
    "granted": _UPDATE,
    "withdrawn": _UPDATE,
    "reconciled": _READ,
    "exported": _READ,
    "erased": _DELETE,
    "replayed": _DELETE,
}
_ACTIONS: Final[Mapping[str, _Class]] = {
    "operator.signed_in": (_AUTHENTICATION, 1),
    "operator.sign_in_failed": (_AUTHENTICATION, 1),
    "operator.signed_out": (_AUTHENTICATION, 2),
    "session.revoked": (_AUTHENTICATION, 2),
    "token.exchanged": (_API, _CREATE),
    "token.refused": (_API, _CREATE),
    "connection.use_seen": (_API, _OTHER),
    "access.refused": (_API, _OTHER),
    "passkey.refused": (_ENTITY, _ENROLL),
    "person.offboarding_started": (_ENTITY, _UPDATE),
    "person.away_set": (_ENTITY, _UPDATE),
    "person.away_cleared": (_ENTITY, _UPDATE),
    "finding.opened": (_DETECTION, 1),
    "alert.acknowledged": (_DETECTION, 2),
    "alert.dismissed": (_DETECTION, 3),
    "effect.observed": (_API, _OTHER),
    "effect.changed": (_DETECTION, 2),
    "effect.differs": (_DETECTION, 1),
    "scope.escalated": (_DETECTION, 1),
    "bypass.found": (_DETECTION, 1),
    "bypass.claimed": (_DETECTION, 2),
    "tenant_log.gap_found": (_DETECTION, 1),
    "defenseclaw.push_gap": (_DETECTION, 1),
    "outpost.contested": (_DETECTION, 1),
    "outpost.result_refused": (_DETECTION, 1),
    "posture.changed": (_DETECTION, 1),
    "outpost.key_enrolled": (_ENTITY, _ENROLL),
    "person.access_end_set": (_ENTITY, _UPDATE),
    "outpost.code_issued": (_ENTITY, _CREATE),
    "defenseclaw.row_changed": (_DETECTION, 1),
    "defenseclaw.tag_misused": (_DETECTION, 1),
    "review.opened": (_COMPLIANCE, 1),
    "review.decided": (_COMPLIANCE, 2),
    "review.reassigned": (_COMPLIANCE, 2),
    "review.closed": (_COMPLIANCE, 3),
    "audit.exported": (_EVENT_LOG, 3),
    "ledger.thinned": (_EVENT_LOG, 2),
    "ledger.alarm": (_EVENT_LOG, 7),
}
_FAMILIES: Final[Mapping[str, _Class]] = {
    "approval": (_AUTHENTICATION, 6),  # a person is asked to authenticate an act (preauth)
    "audit": (_EVENT_LOG, _OTHER),
    "evidence": (_EVENT_LOG, _OTHER),
    "ledger": (_EVENT_LOG, _OTHER),
    "defenseclaw": _BASE,
    "external": _BASE,
}
_ACTOR_BY_PROFILE: Final = (_BASE[0], _DETECTION, _COMPLIANCE)  # `actor` is of their host profile
_SEVERITIES: Final = {"INFO": 1, "LOW": 2, "MEDIUM": 3, "HIGH": 4, "CRITICAL": 5}
_STATUSES: Final = {"success": 1, "failure": 2, "denied": 2, "expired": 2, "unknown": 0}
_MAIL = re.compile(r"[a-zA-Z0-9!#$%&'*+-/=?^_`{|}~.]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9-.]+")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def class_of(action: str) -> _Class:
    """The class and the activity of an action: `class_uid`, `activity_id`."""
    if (known := _ACTIONS.get(action)) is not None:
        return known
    family, _, act = action.partition(".")
    return _FAMILIES.get(family) or (_ENTITY, _ENTITY_VERBS.get(act, _OTHER))


def of(event: Event) -> dict[str, Any]:
    """A public event (DESIGN 2.5) as one OCSF event; valid by the schema of `VERSION`."""
    class_uid, activity = class_of(event["action"])
    outcome = event["outcome"]
    said: dict[str, Any] = {
        "class_uid": class_uid,
        "category_uid": class_uid // 1000,
        "activity_id": activity,
        "type_uid": class_uid * 100 + activity,
        "time": _milliseconds(event["time"]),
        "severity_id": _SEVERITIES.get(event["severity"], _OTHER),
        "status_id": _STATUSES.get(outcome, _OTHER),
        "status": outcome,
        "metadata": _metadata(event),
        "actor": _actor(event),
        "unmapped": {"ata": dict(event)},
    }
    if activity == _OTHER:
        said["activity_name"] = event["action"]
    if reason := _text(event["reason"]):
        said["status_detail"] = reason
    return said | _BY_CLASS[class_uid](event)


def _metadata(event: Event) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "version": VERSION,
        "product": {"name": "Auth0-ATA", "vendor_name": "Auth0-ATA"},
        "uid": event["id"],
        "event_code": event["action"],
        "logged_time": _milliseconds(event["recorded_at"]),
        "log_name": event["schema"],
        "log_provider": _text(event["instance"]) or event["source"],
    }
    if event["index"] is not None:
        metadata["sequence"] = event["index"]
    if class_of(event["action"])[0] in _ACTOR_BY_PROFILE:
        metadata["profiles"] = ["host"]
    if together := event["operation"] or event["approval"]:
        metadata["correlation_uid"] = together
    return metadata


def _actor(event: Event) -> dict[str, Any]:
    actor: dict[str, Any] = {"user": _user(event["actor"])}
    if iss := _text(event["actor"]["iss"]):
        actor["idp"] = {"uid": iss}
    if agent := _text(event["agent"]):
        actor["app_name"] = agent
    return actor


def _user(person: Mapping[str, Any]) -> dict[str, Any]:
    name, sub, mail = (_text(person.get(key)) for key in ("name", "sub", "email"))
    user: dict[str, Any] = {"name": name or sub or "not named"}
    if sub:
        user["uid"] = sub
    if _MAIL.fullmatch(mail):
        user["email_addr"] = mail
    if roles := person.get("roles"):
        user["groups"] = [{"name": role} for role in roles]
    return user


def _entity(event: Event) -> dict[str, Any]:
    target = event["target"] or {}
    entity = {"name": _text(target.get("name")) or "not named"}
    if kind := _text(target.get("kind")):
        entity["type"] = kind
    return {"entity": entity}


def _authentication(event: Event) -> dict[str, Any]:
    return {"user": _user(event["actor"]), "service": {"name": "Auth0-ATA"}}


def _finding(event: Event) -> dict[str, Any]:
    target = event["target"] or {}
    finding: dict[str, Any] = {"uid": _text(target.get("name")) or event["id"]}
    if kind := _text(target.get("kind")):
        finding["types"] = [kind]
    return {"finding_info": finding}


def _compliance(event: Event) -> dict[str, Any]:
    return {**_finding(event), "compliance": {"control": "access review"}}


def _api(event: Event) -> dict[str, Any]:
    target = event["target"] or {}
    caller = event["agent"] or event["skill"] or event["via"] or event["source"]
    said: dict[str, Any] = {
        "api": {"operation": event["action"]},
        "src_endpoint": {"name": _text(caller)},
    }
    if over := _text(event["connection"]) or _text(target.get("name")):
        said["resources"] = [{"name": over}]
    return said


def _event_log(event: Event) -> dict[str, Any]:
    return {"log_name": "Auth0-ATA ledger"}


def _nothing(event: Event) -> dict[str, Any]:
    return {}


_BY_CLASS: Final = {
    _AUTHENTICATION: _authentication,
    _ENTITY: _entity,
    _API: _api,
    _DETECTION: _finding,
    _COMPLIANCE: _compliance,
    _EVENT_LOG: _event_log,
    _BASE[0]: _nothing,
}


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ERASED if value.get("erased") else ""
    return "" if value is None else str(value)


def _milliseconds(stamp: str) -> int:
    """Milliseconds since 1970 of an RFC 3339 time, rounded down."""
    since = datetime.fromisoformat(stamp) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
