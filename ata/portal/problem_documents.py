"""From the portal's problem documents (RFC 9457) to errors an operator can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ata.errors import AtaError, ExitCode

if TYPE_CHECKING:
    import httpx

_SIGN_IN = "Run `ata login`."
_AGAIN = "Run the command again."
_SOON = "Try again in a moment."
_CONNECT_AGAIN = "Connect the account again at {portal}/connections/."
_REVIEWS = "`ata reviews list` and `ata reviews show` name those there are."
_NAME = "Check the name or id."
_OTHERWISE = "Check that ATA_PORTAL is the portal's own address."
_ADMIN = "Tell the administrator of the portal's host; `manage.py check_auth0` names what is wrong."
_FIXES: Final = {
    "token_missing": _SIGN_IN,
    "token_expired": _SIGN_IN,
    "subject_token_expired": _SIGN_IN,
    "token_refused": "Run `ata login`; if it stays, check AUTH0_API_AUDIENCE and the clocks.",
    "dpop_required": "`ata` sends no proofs: use a client whose tokens are bound to no key.",
    "fresh_sign_in_required": "Sign in again at {portal}/account/, then do it there.",
    "break_glass": "Wait until the issuer answers again; holding is possible at once.",
    "id_token_refused": "Run `ata logout` and `ata login`.",
    "not_permitted": "Your roles do not allow this; `ata status` shows them.",
    "client_not_allowed": "Ask an administrator to add this client to AUTH0_BROKER_CLIENTS.",
    "account_ambiguous": "Name one with --account; `ata connections list` shows them.",
    "connection_not_linked": "Connect the account at {portal}/connections/.",
    "reconnect_required": _CONNECT_AGAIN,
    "connection_revoked": _CONNECT_AGAIN,
    "not_connected": _CONNECT_AGAIN,
    "connection_suspended": "See who suspended it and who may resume it: {portal}/connections/.",
    "wake_pending": "Wait for it with `ata approvals wait {approval_id}`, then try again.",
    "interaction_required": "Use it: then its people are asked for approval.",
    "not_asleep": "It is awake: nothing has to be done.",
    "outside_hours": "Wait until it opens; {portal}/connections/settings/ says when.",
    "relaxes": "That is the decision connection.relax, which waits for an approval.",
    "nothing_changes": "It is set like that already: nothing has to be done.",
    "not_suspended": "It is not suspended: nothing has to be done.",
    "unknown_connection": "`ata connections list` shows those there are.",
    "unknown_flow": _CONNECT_AGAIN,
    "scope_escalation_pending": "Wait for it with `ata approvals wait {approval_id}`.",
    "scope_not_declared": "Declare the scopes in the manifest of this caller, or ask for fewer.",
    "scope_excess": "Connect the account again with fewer permissions, or change the manifest.",
    "unknown_manifest": "`ata manifest list` shows those there are.",
    "unknown_target": "Correct the name, or confirm it with --new.",
    "changed_meanwhile": _AGAIN,
    "unknown_escalation": "Nothing asked for that: run the server, which asks automatically.",
    "unknown_allowance": "`ata connections allowances list` shows those there are.",
    "already_over": "It is over already: nothing has to be done.",
    "too_long": "Ask for less time, or have an admin change the rules of the connection.",
    "denied_lately": "Wait until the day is over, or have someone else declare it.",
    "undeclared_caller": "Declare its connections and scopes in the manifest of this caller.",
    "component_not_allowed": "Ask an operator to allow it: `ata mcp allow NAME`.",
    "skill_blocked": "See who decided that, and why, at {portal}/enforcement/.",
    "skill_held": "See why at {portal}/enforcement/; an operator can release it.",
    "frozen": "Ask an administrator to end the freeze at {portal}/connections/freeze/.",
    "not_found": _NAME,
    "method_not_allowed": "This `ata` and the portal differ in version: use those of one release.",
    "unknown_review": _REVIEWS,
    "unknown_item": _REVIEWS,
    "unknown_reviewer": "Name an admin by subject with --admin; they have to sign in once before.",
    "nothing_to_review": "Choose less narrowly: --connection, --state and --show narrow.",
    "bad_due": "Give a day with --due that is today or later, within a year.",
    "already_open": _AGAIN,
    "being_opened": "Wait until `ata reviews list` shows it; a large one takes a while.",
    "being_closed": "Wait until it is closed: `ata reviews list` says when.",
    "interrupted": _AGAIN,
    "no_log_key": "Tell the administrator of the portal's host: "
    "the key that signs the log is missing.",
    "review_closed": "It is closed: `ata reviews result` fetches what came of it.",
    "not_closed": "Wait until an admin closes it; `ata reviews close` does.",
    "not_reviewer": "Leave it to its reviewers; {portal}/connections/reviews/ says who they are.",
    "already_begun": "Its revocation is under way: nothing has to be done.",
    "reason_needed": "Say why with --reason.",
    "nothing_to_reduce": "Keep it or revoke it.",
    "decided_again": "`ata reviews show` says who decided; decide again if yours should count.",
    "nothing_to_begin": "`ata reviews show` says how far its revocation is.",
    "no_approver": "Ask someone with the role to sign in to the portal once.",
    "closed": "It is over; `ata approvals` shows how it ended.",
    "nobody_asked": "It waits for someone who could be asked; have them sign in once.",
    "nothing_to_confirm": "It is not waiting for a confirmation.",
    "already_claimed": "`ata audit search action:bypass.claimed` lists the claims.",
    "unknown_bypass": "`ata audit search action:bypass.found` lists them with their ids.",
    "already_asked": "Wait for the request that is out: `ata approvals` lists it.",
    "already_closed": "It is closed already: nothing has to be done.",
    "nothing_held": "Name the instance with --instance.",
    "on_hold": "Release it first, without --instance.",
    "blocked": "Unblock it for all agents first.",
    "legal_hold": "Have the hold lifted first, if it may be: `ata subject release`.",
    "unknown_subject": "Check issuer and subject: the issuer counts with its slash at the end.",
    "erasing_already": "It is under way: {portal}/audit/erasures/ shows how far.",
    "named_in_policy": "Change the approval policy first.",
    "requests_open": "Wait until it ends: `ata approvals` lists it.",
    "needs_another_person": "Have another person do it.",
    "already_held": "It is held already: nothing has to be done.",
    "not_held": "{portal}/audit/erasures/ lists the holds and their matters.",
    "reason_required": "Say why with --reason.",
    "unknown_finding": _NAME,
    "unknown_instance": "Name a registered instance; {portal}/enforcement/fleet/ lists them.",
    "gateways_unreadable": "Ask the administrator of the portal's host "
    "to mend DEFENSECLAW_INSTANCES_FILE.",
    "enrolment_refused": "Ask an admin of the portal for a new code, for this gateway's name.",
    "proof_refused": "Name the portal as its own pages do, and set the clock of this host.",
    "still_running": _SOON,
    "idempotency_mismatch": _AGAIN,
    "not_sequenced": "Try again in a second: the proof exists once the event is in the tree.",
    "nothing_signed": "Try again in a second: nothing is signed yet.",
    "not_ready": "It is being written: try again in a moment.",
    "gone": "Export it again.",
    "pack_too_large": "Export a filter that finds some of its events.",
    "entry_altered": "Tell your admin: an entry of the log was altered.",
    "too_large": "Send less at once.",
    "too_much_to_show": "Split it into several requests.",
    "too_many": "Send or choose fewer at once.",
    "length_required": "Use this `ata`, or say Content-Length.",
    "unsupported_media_type": "Send application/json.",
    "unsupported_encoding": "Send the body uncompressed.",
    "unknown_filter": "`ata audit search --help` lists the keys.",
    "bad_filter": "`ata audit search --help` lists the keys and how to write them.",
    "bad_cursor": "Leave the cursor out to begin at the newest.",
    "unsupported_format": "`ata audit export --help` lists the formats.",
    "invalid_json": "This `ata` and the portal differ in version: use those of one release.",
    "bad_request": "Check ATA_PORTAL: something on the way changed the request.",
    "invalid_request": "Check what was given; the sentence names the field.",
    "unknown_verb": "This `ata` and the portal differ in version: use those of one release.",
    "bad_target": "Check the name and `--instance`.",
    "bad_params": "Check what was given; the sentence names the field.",
    "rate_limited": "Try again{in_a}.",
    "asked_too_often": "That is the portal's own limit: ask again{in_a}, or for fewer scopes.",
    "vault_unavailable": "Try again in a moment; the portal is fine, the vault did not answer.",
    "issuer_unreachable": "Try again once the issuer answers. " + _ADMIN,
    "busy": "Try again in a few seconds; another process used the portal's database for too long.",
    "storage_unavailable": "Try again in a moment; the portal's disk or database takes no writes.",
}
"""What to do, by the portal's code, where the portal itself says nothing of it."""
_USAGE: Final = frozenset(
    {
        "unknown_filter",
        "bad_filter",
        "bad_cursor",
        "unsupported_format",
        "bad_target",
        "bad_params",
        "invalid_request",
    }
)
"""Codes that are about how the command was called: exit code 2."""
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
    404: _OTHERWISE,
    410: "It is gone: its time is over, or it was erased.",
    409: "It is not in a state for this: look at it in the portal, {portal}.",
    422: "Check what was given.",
    429: _SOON,
    500: "Tell the administrator of the portal's host, with the reference if there is one.",
    502: "The proxy before the portal found no one: check that the portal runs.",
    503: _SOON,
    504: _SOON,
}


def problem(response: httpx.Response, portal: str) -> AtaError:
    """The error for an unsuccessful answer of the portal at `portal`."""
    if response.is_redirect:
        return _redirected(response, portal)
    body = _members(response)
    status = response.status_code
    code = str(body.get("code") or _STATUS_CODES.get(status) or f"http_{status}")
    return AtaError(
        _sentence(body, status, portal),
        code=code,
        fix=_fix(body, code, response, portal),
        exit_code=ExitCode.USAGE if code in _USAGE else ExitCode.FAILED,
        details={**body, "status": status},
    )


def _fix(body: dict[str, object], code: str, response: httpx.Response, portal: str) -> str:
    """The portal's own advice wins; ours fills in where it gave none."""
    if said := str(body.get("fix") or ""):
        return said
    kind = "skill" + code[code.rindex("_") :] if code.endswith(("_blocked", "_held")) else code
    status = response.status_code
    template = _FIXES.get(code) or _FIXES.get(kind) or _STATUS_FIXES.get(status, _OTHERWISE)
    wait = response.headers.get("Retry-After", "")
    words = template.format(
        portal=portal,
        approval_id=body.get("approval_id", "ID"),
        in_a=f" in {wait} seconds" if wait.isdigit() else " in a moment",
    )
    reference = body.get("request_id")
    return f"{words} Reference {reference}." if status >= 500 and reference else words


def _redirected(response: httpx.Response, portal: str) -> AtaError:
    """A token goes only where the operator sent it, so nothing is followed."""
    where = response.headers.get("Location", "")
    return AtaError(
        f"The portal at {portal} sends on to {where or 'somewhere else'}; that was not followed.",
        code="redirected",
        fix="Set ATA_PORTAL to the portal's own address, as people open it in a browser.",
        details={"status": response.status_code},
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
