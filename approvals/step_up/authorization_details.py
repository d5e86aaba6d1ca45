"""The `authorization_details` object of an ask, in the form Guardian renders (RFC 9396).

Limits by Auth0: 10 properties an object, names and values ≤ 255 characters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from approvals import actor_json, policy, registry
from approvals.models import Approval, Ask
from approvals.registry import Verb
from approvals.step_up import owner_must_approve_first
from audit.ledger.format.safe_display import visible
from audit.recording.actors import Actor

TYPE: Final = "urn:auth0:schemas:authorization-details:v1:ata-intent"
MAX_PROPERTIES: Final = 10
MAX_TEXT: Final = 255

type Detail = dict[str, Any]


type Shown = tuple[str, str, str]
"""Name of a property, its label and its value."""


def build(instruction: str, hidden: Mapping[str, str], shown: Sequence[Shown]) -> list[Detail]:
    """One object with the shown properties in their order, and the hidden ones.

    Raises:
        ValueError: it holds more than Auth0 takes; nothing is cut.
    """
    texts = [instruction, *hidden.values(), *(value for _, _, value in shown)]
    if len(hidden) + len(shown) > MAX_PROPERTIES or any(len(text) > MAX_TEXT for text in texts):
        raise ValueError("the request does not fit into authorization_details")
    rows = [(True, *row) for row in shown] + [(False, name, name, hidden[name]) for name in hidden]
    properties = {
        name: {
            "display": display,
            "name": label,
            "display_order": order,
            "description": "",
            "value": value,
        }
        for order, (display, name, label, value) in enumerate(rows, start=1)
    }
    return [{"type": TYPE, "instruction": instruction, "properties": properties}]


def same(a: Any, b: Any) -> bool:
    """Whether two `authorization_details` say the same, whatever their key order."""
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def for_ask(ask: Ask) -> list[Detail]:
    """What this ask sends and what its answer must repeat: a pure function of the approval.

    A sentence of more characters than one text takes continues in a further row.
    """
    approval = ask.approval
    requester = actor_json.from_json(approval.requester)
    first, rest = _halves(approval.sentence)
    verb = registry.get(approval.verb)
    shown: list[Shown] = [
        *([("sentence_2", "(continued)", rest)] if rest else []),
        ("risk", "Risk", approval.severity.capitalize()),
        ("reason", "Reason", _one_line(approval.reason) or "No reason was given"),
        ("requester", "Requested by", _one_line(_requester(requester))),
        ("if_approved", "If approved", _one_line(_if_approved(approval, verb))),
        ("if_denied", "If denied", policy.if_denied(approval.rule, verb)),
        ("request", "Request", _request(ask)),
    ]
    hidden = {
        "verb": approval.verb,
        "target": f"{approval.target_kind} {approval.target_name}"[:MAX_TEXT],
        "intent_hash": approval.intent_hash,
    }
    return build(first, hidden, shown)


def _if_approved(approval: Approval, verb: Verb) -> str:
    return approval.if_approved or verb.if_approved or "It takes effect at once."


def _requester(requester: Actor) -> str:
    return actor_json.requester_name(requester) if requester.sub else "automatic, for a finding"


def _request(ask: Ask) -> str:
    """Which request: the ends of the intent hash, and which of how many approvals this one is."""
    approval = ask.approval
    short = f"{approval.intent_hash[:8]}…{approval.intent_hash[-8:]}"
    needed = owner_must_approve_first.needed(approval)
    if owner_must_approve_first.identity(approval) is None and needed > 1:
        return f"{short}, one of {needed} approvals"
    number = 1 if needed == 1 or owner_must_approve_first.is_first(approval, ask.person) else 2
    return f"{short}, {number} of {needed}"


def _one_line(text: str) -> str:
    """One line of visible characters; a long one says where the whole text is."""
    line = " ".join(visible(" ".join(text.split())).split())
    if len(line) <= MAX_TEXT:
        return line
    more = " … (the whole text is in the portal)"
    return line[: MAX_TEXT - len(more)] + more


def _halves(sentence: str) -> tuple[str, str]:
    """The sentence in two parts that fit, between words where that is possible."""
    if len(sentence) <= MAX_TEXT:
        return sentence, ""
    space = sentence.rfind(" ", 0, MAX_TEXT + 1)
    cut = space if space > 0 and len(sentence) - space - 1 <= MAX_TEXT else MAX_TEXT
    return sentence[:cut], sentence[cut:].lstrip()
