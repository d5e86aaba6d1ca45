"""Sentences of `access.refused` events."""

from __future__ import annotations

from typing import Final

from audit.recording import action_registry
from audit.recording.sentences import PublicEvent, person, shown

WORDS: Final = {
    "csrf": "a form without its token, as another site would send it",
    "token_missing": "the cookie of a page opens no API",
    "token_refused": "its token does not count here",
    "dpop_required": "its token is bound to a key that was not shown",
    "id_token_refused": "that sign-in is not theirs",
    "logout_token_refused": "its logout token does not count",
    "fresh_sign_in_required": "that needs a fresh sign-in",
    "not_permitted": "that is not for their role, or not theirs to do",
    "not_reviewer": "that account is not theirs to review",
    "not_yours": "that is not theirs to see",
    "break_glass": "break-glass sign-ins read, hold and suspend only",
    "idempotency_mismatch": "that key was used for another call",
    "invalid_request": "the call is not as its schema says",
    "needs_another_person": "another person has to do that",
}
_REASONS: Final = {
    "audience": "it is for another API",
    "authorization_details": "it proves an approval, and opens nothing",
    "signature": "its signature does not verify",
    "malformed": "it is no token",
    "client_not_allowed": "its application may not call here",
    "issuer": "it is from another issuer",
    "replayed": "it was used before",
}


def refused(event: PublicEvent) -> str:
    """Who was refused where, and why, at least once."""
    data = event.get("data") or {}
    code, reason = shown(data.get("code")), shown(data.get("reason"))
    who = person(event.get("actor"))
    of = event.get("on_behalf_of")
    session = f", in the session of {person(of)}" if of else ""
    if code == "many":
        return f"{who} was refused more often than was recorded one by one{session}"
    why = WORDS.get(code, code.replace("_", " ") or "no reason was kept")
    if reason:
        why += f" ({_REASONS.get(reason, reason.replace('_', ' '))})"
    address = shown((event.get("target") or {}).get("name")) or "an address"
    return f"{who} was refused at {address}{session}: {why}"


action_registry.reword("access.refused", refused)
