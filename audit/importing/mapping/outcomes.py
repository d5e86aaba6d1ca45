"""How a DefenseClaw act ended, in the outcomes of our entries.

v8 records say it in `outcome`. Older rows say it only by the name of the action: what DefenseClaw
refused an agent is `denied`; a block that an operator set is an act of theirs that succeeded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_SPOKEN: Final = {
    "success": "applied approved allowed completed quarantined revoked released restored success "
    "succeeded ok delivered no_change observed detected recovered skipped",
    "denied": "denied blocked rejected unauthorized forbidden refused",
    "failure": "failed failure error terminated aborted partial",
    "expired": "timed_out timeout expired",
    "cancelled": "cancelled canceled",
    "pending": "pending requested attempted started",
}
_WORDS: Final = {word: outcome for outcome, words in _SPOKEN.items() for word in words.split()}
_BY_ACTION: Final = (
    (re.compile(r"(?:gateway-)?approval-(?:request|requested|pending)\Z"), "pending"),
    (
        re.compile(
            r"\A(?:.*-denied|guardrail-block|network-egress-blocked|inspect-tool-block"
            r"|gateway-tool-call-blocked|install-(?:rejected|blocked)|mcp-set-blocked"
            r"|api-auth-failure)\Z"
        ),
        "denied",
    ),
    (
        re.compile(r"\A.*[-.](?:failed|failure|error|malformed|close_error|drain_timeout)\Z"),
        "failure",
    ),
)
_DECIDED: Final = re.compile(r"(?:\A|\s)action=(block|deny)(?:\s|\Z)")
# Acts of people have their reason in the same text, in which anybody may write `action=block`.
_DECIDES: Final = re.compile(
    r"connector-hook|asset-policy|llm-judge-response|gateway-session-prompt-alert"
    r"|guardrail-(?:opa-)?(?:verdict|inspection)"
)


def of_word(word: str) -> str:
    """The outcome for DefenseClaw's word; `unknown` for one we do not know."""
    return _WORDS.get(word.lower(), "unknown")


def of_event(
    action: str, record: Mapping[str, Any], verdict: Mapping[str, Any], details: str
) -> str:
    """The outcome of an audit row: its record's word, else its action, else what it decided.

    `verdict` is the structured part of the row (a hook's or a guardrail's verdict).
    """
    word = record.get("outcome")
    if isinstance(word, str) and word:
        return of_word(word)
    for pattern, outcome in _BY_ACTION:
        if pattern.match(action):
            return outcome
    decided = _DECIDES.fullmatch(action) and _DECIDED.search(details)
    if decided or verdict.get("action") in {"block", "deny"}:
        return "denied"
    return "success"
