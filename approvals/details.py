"""The `authorization_details` object of an ask, in the form Guardian renders (RFC 9396).

Limits by Auth0: 10 properties an object, names and values ≤ 255 characters.
"""

from __future__ import annotations

import json
from typing import Any

from approvals import actors
from approvals.models import Ask

TYPE = "urn:auth0:schemas:authorization-details:v1:ata-intent"


def build(
    *, instruction: str, verb: str, target: str, requester: str, intent_hash: str
) -> list[dict[str, Any]]:
    """One object that binds the ask to an intent by its hash."""
    rows = (
        ("verb", "Action", verb, "What will be done"),
        ("target", "On", target, "What it is done to"),
        ("requester", "Asked by", requester, "Who wants it"),
        ("intent_hash", "Intent", intent_hash, "Names exactly this request"),
    )
    return [
        {
            "type": TYPE,
            "instruction": instruction[:255],
            "properties": {
                name: {
                    "display": True,
                    "name": label,
                    "display_order": order,
                    "description": meaning,
                    "value": value[:255],
                }
                for order, (name, label, value, meaning) in enumerate(rows, start=1)
            },
        }
    ]


def same(a: Any, b: Any) -> bool:
    """Whether two `authorization_details` say the same, whatever their key order."""
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def for_ask(ask: Ask) -> list[dict[str, Any]]:
    """What this ask sends and what its answer must repeat: a pure function of the approval."""
    approval = ask.approval
    requester = actors.from_json(approval.requester)
    name = actors.requester_name(requester) if requester.sub else "a finding"
    return build(
        instruction=approval.sentence,
        verb=approval.verb,
        target=f"{approval.target_kind} {approval.target_name}",
        requester=name,
        intent_hash=approval.intent_hash,
    )
