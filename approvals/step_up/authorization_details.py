"""The `authorization_details` object of an ask, in the form Guardian renders (RFC 9396).

Limits by Auth0: 10 properties an object, names and values ≤ 255 characters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from approvals.models import Ask
from approvals.step_up import facts_shown_to_approver
from approvals.step_up.facts_shown_to_approver import MAX_TEXT

TYPE: Final = "urn:auth0:schemas:authorization-details:v1:ata-intent"
MAX_PROPERTIES: Final = 10

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

    A sentence of more characters than one text takes continues in a further row. There is space
    for seven, so that row takes the place of the account, which such a sentence names.
    """
    approval = ask.approval
    first, rest = _halves(approval.sentence)
    shown: list[Shown] = [("sentence_2", "(continued)", rest)] if rest else []
    for fact in facts_shown_to_approver.facts(approval, ask.person):
        if not (rest and fact.name == "account"):
            shown.append((fact.name, fact.label, fact.text))
    hidden = {
        "verb": approval.verb,
        "target": f"{approval.target_kind} {approval.target_name}"[:MAX_TEXT],
        "intent_hash": approval.intent_hash,
    }
    return build(first, hidden, shown)


def _halves(sentence: str) -> tuple[str, str]:
    """The sentence in two parts that fit: after an item of a list, else between words, where that
    is possible."""
    if len(sentence) <= MAX_TEXT:
        return sentence, ""
    spaces = [at for at, char in enumerate(sentence[: MAX_TEXT + 1]) if char == " "]
    fit = [at for at in spaces if at > 0 and len(sentence) - at - 1 <= MAX_TEXT]
    after_items = [at for at in fit if sentence[at - 1] == ";"]
    cut = (after_items or fit or [MAX_TEXT])[-1]
    return sentence[:cut], sentence[cut:].lstrip()
