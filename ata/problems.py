"""From the portal's problem documents (RFC 9457) to errors an operator can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ata.errors import AtaError

if TYPE_CHECKING:
    import httpx

_SIGN_IN = "Run `ata login`."
_FIXES = {
    "subject_token_expired": _SIGN_IN,
    "connection_not_linked": "Connect the account at {portal}/connections/.",
    "reconnect_required": "Connect the account again at {portal}/connections/.",
    "connection_suspended": "Resume the connection at {portal}/connections/.",
    "connection_revoked": "Connect the account again at {portal}/connections/.",
    "scope_escalation_pending": "Wait for it with `ata approvals wait {approval_id}`.",
    "undeclared_caller": "Declare its connections and scopes in the manifest of this caller.",
    "frozen": "Ask an administrator to end the freeze at {portal}/connections/freeze/.",
    "client_not_allowed": "Ask an administrator to add this client to AUTH0_BROKER_CLIENTS.",
    "rate_limited": "Try again in a moment.",
    "vault_unavailable": "Try again in a moment; the portal is fine, the vault did not answer.",
    "not_sequenced": "Try again in a second: the proof exists once the event is in the tree.",
    "idempotency_mismatch": "Run the command again.",
}
_STATUS_CODES = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    422: "invalid_request",
    429: "rate_limited",
}
_STATUS_FIXES = {
    401: _SIGN_IN,
    403: "Your roles do not allow this; `ata status` shows them.",
    404: "Check the name or id.",
    429: "Try again in a moment.",
    503: "Try again in a moment.",
}


def problem(response: httpx.Response, portal: str) -> AtaError:
    """The error for an unsuccessful answer of the portal at `portal`."""
    body = _members(response)
    status = response.status_code
    code = str(body.get("code") or _STATUS_CODES.get(status) or f"http_{status}")
    # The portal's own advice wins; ours fills in where it gave none.
    template = _FIXES.get(code) or _STATUS_FIXES.get(status, "")
    fix = str(body.get("fix") or "") or template.format(
        portal=portal, approval_id=body.get("approval_id", "ID")
    )
    return AtaError(
        _sentence(body, status, portal), code=code, fix=fix, details={**body, "status": status}
    )


def _members(response: httpx.Response) -> dict[str, object]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _sentence(body: dict[str, object], status: int, portal: str) -> str:
    said = str(body.get("detail") or body.get("title") or "").strip()
    if not said:
        return f"The portal at {portal} answered {status} without saying why."
    return said if said.endswith((".", "!", "?")) else said + "."
