"""What came of an approval, what that means, and what to do: the portal's words for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

INFERRED: Final = (
    "Auth0 answers a denial and an expiry alike; this answer came before the time ran out, so it "
    "counts as denied until the tenant log or the person confirms it. Nothing was committed."
)
_MEANS: Final = {
    "denied": "Nothing was committed.",
    "expired": "No one answered in time. Nothing was committed; run the command again when "
    "someone is there.",
    "cancelled": "It was withdrawn. Nothing was committed; a push that is out commits nothing.",
}
_AGAIN: Final = "Run the command again."
_ATTACK: Final = "Treat it as an attack and tell your admin."
AFTER_FAILURE: Final = {
    "not_enrolled": "No one who could approve has a phone enrolled: they enrol one with the "
    "issuer (Guardian), or a passkey in the portal where the policy takes one.",
    "no_approver": "No one who could approve it next is known here: ask someone with the role to "
    "sign in to the portal once, then run the command again.",
    "rate_limited": "One person gets at most five pushes a minute: wait a minute, then run the "
    "command again.",
    "issuer_unreachable": "Auth0 stayed away: run the command again once it answers.",
    "keys_unreachable": "The issuer's keys could not be read to check the answer. " + _AGAIN,
    "answer_lost": "Auth0 gives its answer once, and it got lost. " + _AGAIN,
    "details_differ": "What was approved is not what was asked for. " + _ATTACK,
    "details_missing": "The tenant returns no authorization_details: an admin sets up their type; "
    "`manage.py check_auth0` names the page.",
    "too_old": "Auth0's answer is older than the question. " + _ATTACK,
    "wrong_subject": "Someone else than the asked person approved. " + _ATTACK,
    "nothing_signed": "The issuer signed nothing that proves the approval: tell your admin.",
    "self_approval": "Another person has to approve it. " + _AGAIN,
    "too_few_approved": "Fewer people approved than the rule asks for. " + _AGAIN,
    "approver_is_requester": "Another person has to approve it. " + _AGAIN,
    "approver_is_another": "Someone approved whom the rule does not ask. " + _AGAIN,
    "approver_unproven": "Someone is said to have approved who signed nothing. " + _ATTACK,
    "approver_lost_role": "Who approved lost the role meanwhile. " + _AGAIN,
    "requester_lost_role": "You lost the role meanwhile: `ata status` shows yours.",
    "intent_differs": "What was kept is no longer what was asked for. " + _ATTACK,
    "intent_expired": "The answer came after the request's own time. " + _AGAIN,
    "state_changed": "It changed while people were asked: look at it, then decide again.",
    "overtaken_by_requester": "You decided about it meanwhile: look at it, then decide again.",
    "overtaken": "Another decision about it was committed first: look at it, then decide again.",
    "policy_changed": "The policy changed while people were asked. " + _AGAIN,
    "rule_changed": "Another rule applies now. " + _AGAIN,
}
"""What to do after an approval failed, by its `code`."""
_OTHERWISE: Final = "Its page in the portal says more."


def outcome_words(approval: Mapping[str, object]) -> str:
    """`approved`, `denied`, …; an inferred denial and an approval without proof are called that."""
    outcome = str(approval.get("outcome") or "")
    if outcome == "approved" and approval.get("proven") is False:
        return "recorded as approved, no proof found"
    if outcome == "denied" and approval.get("inferred"):
        return "denied (inferred), not yet confirmed"
    return outcome or "closed"


def what_it_means(approval: Mapping[str, object]) -> str:
    """What follows from the outcome, and what to do; empty after an approval."""
    outcome = str(approval.get("outcome") or "")
    if outcome == "failed":
        code = str(approval.get("code") or "")
        return _with_hold(approval, f"Nothing was committed. {AFTER_FAILURE.get(code, _OTHERWISE)}")
    if outcome == "denied" and approval.get("inferred"):
        return _with_hold(approval, INFERRED)
    return _with_hold(approval, _MEANS.get(outcome, ""))


def _with_hold(approval: Mapping[str, object], words: str) -> str:
    return f"{words} The hold stays." if words and approval.get("held") else words
