"""Sentences of `access.refused` events."""

from __future__ import annotations

from typing import Final

from audit.recording import action_registry
from audit.recording.sentences import PublicEvent, person, shown

WORDS: Final = {
    "csrf": "a form without its token, as another site would send it",
    "token_missing": "session cookies can’t be used for the API",
    "token_refused": "invalid token",
    "dpop_required": "its token is bound to a key that was not shown",
    "proof_refused": "the proof of its key was not accepted",
    "id_token_refused": "the sign-in belongs to someone else",
    "logout_token_refused": "invalid logout token",
    "fresh_sign_in_required": "a recent sign-in was needed",
    "not_permitted": "not permitted for this role or account",
    "not_reviewer": "not a reviewer of that account",
    "not_yours": "it belongs to someone else",
    "break_glass": "break-glass sign-ins read, hold and suspend only",
    "idempotency_mismatch": "that key was used for another call",
    "invalid_request": "the request was malformed",
    "needs_another_person": "another person had to do it",
}
_REASONS: Final = {
    "audience": "it is for another API",
    "authorization_details": "it proves an approval and gives no access",
    "signature": "its signature does not verify",
    "malformed": "malformed",
    "client_not_allowed": "its application may not call here",
    "issuer": "it is from another issuer",
    "replayed": "it was used before",
    "missing": "it was not sent",
    "other_key": "it is by another key",
    "other_request": "it is for another request",
    "other_token": "it is for another token",
    "time": "it is too old, or the caller’s clock is wrong",
    "not_bound": "it is bound to no key",
}


def refused(event: PublicEvent) -> str:
    """Who was refused where, and why, at least once."""
    data = event.get("data") or {}
    code, reason = shown(data.get("code")), shown(data.get("reason"))
    who = person(event.get("actor"))
    of = event.get("on_behalf_of")
    session = f", in the session of {person(of)}" if of else ""
    if code == "many":
        return f"{who} was refused repeatedly (grouped){session}"
    why = WORDS.get(code, code.replace("_", " ") or "no reason was kept")
    if reason:
        why += f" ({_REASONS.get(reason, reason.replace('_', ' '))})"
    address = shown((event.get("target") or {}).get("name")) or "an address"
    return f"{who} was refused at {address}{session}: {why}"


action_registry.reword("access.refused", refused)
