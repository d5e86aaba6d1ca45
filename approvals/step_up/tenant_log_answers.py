"""What a person answered by the tenant log: `gd_auth_rejected`, `gd_auth_succeed`.

A rejection is positive evidence of a denial. A success proves no intent and commits nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from approvals import auth0_clients
from approvals.models import Ask, AskState
from auth0_client.errors import Auth0Error
from http_client.errors import HttpClientError

log = logging.getLogger(__name__)

REJECTED = "gd_auth_rejected"
SUCCEEDED = "gd_auth_succeed"
_CLOCKS_DIFFER = timedelta(seconds=2)
_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Rejection:
    """That a push was rejected; `reason` where the log repeats what was typed for this very one."""

    reason: str = ""


def rejection_seen(ask: Ask, *, refused_by_auth0: bool) -> Rejection | None:
    """What the tenant log says of the asked person's rejection of this very push.

    Args:
        refused_by_auth0: Auth0 refused this request before it expired. Then only another refused
            request can explain an entry; else every request that may have been refused can.

    None when it says nothing, cannot be read, or no Management API client is configured.
    """
    # One that ended as expired may have been refused while nobody asked Auth0.
    rivals = {AskState.DENIED} if refused_by_auth0 else set(AskState) - {AskState.APPROVED}
    return _seen(REJECTED, ask, rivals)


def approval_seen(ask: Ask) -> bool:
    """Whether it says that they approved one; False as above. Never enough to commit."""
    return bool(_seen(SUCCEEDED, ask, set(AskState) - {AskState.DENIED, AskState.EXPIRED}))


def _seen(kind: str, ask: Ask, rivals: set[AskState]) -> Rejection | None:
    management = auth0_clients.management()
    if management is None or ask.started is None:
        return None
    try:
        page = management.search_logs(f'type:"{kind}" AND user_id:"{ask.person.sub}"', per_page=50)
    except (Auth0Error, HttpClientError) as error:
        log.info("tenant log not readable: %s", error)
        return None
    found = [
        (when, entry.get("details"))
        for entry in page.entries
        if entry.get("type") == kind
        and entry.get("user_id") == ask.person.sub
        and (when := _date(entry.get("date"))) is not None
        and _open_at(ask, when)
    ]
    named = [(_message(details), details) for _, details in found if _message(details) is not None]
    if named:
        mine = [details for message, details in named if message == ask.code]
        return Rejection(_reason(mine[0])) if mine else None
    others = _others(ask, [when for when, _ in found], rivals)
    if len(found) <= others:
        return None
    # A reason is this request's only where no other entry or request could be meant.
    return Rejection(_reason(found[0][1]) if len(found) == 1 and not others else "")


def _reason(details: object) -> str:
    """What the person typed, where the log repeats it; Auth0 does not document that it does."""
    reason = details.get("reason") if isinstance(details, Mapping) else None
    return reason.strip()[:_LONGEST_REASON] if isinstance(reason, str) else ""


def _message(details: object) -> object:
    """The binding message, where the log repeats it; Auth0's own does not."""
    return details.get("binding_message") if isinstance(details, Mapping) else None


def _others(ask: Ask, moments: list[datetime], rivals: set[AskState]) -> int:
    """How many other requests to the same person may be what those entries are about."""
    others = (
        Ask.objects.filter(person=ask.person, state__in=rivals, started__isnull=False)
        .exclude(approval=ask.approval_id)
        .select_related("approval")
    )
    if not moments:
        return 0
    others = others.filter(
        started__lte=max(moments) + _CLOCKS_DIFFER, expires_at__gte=min(moments) - _CLOCKS_DIFFER
    )
    return sum(any(_open_at(other, when) for when in moments) for other in others)


def _open_at(ask: Ask, when: datetime) -> bool:
    """Whether a push was out at a moment: until it expired, or until its answer came."""
    until = ask.expires_at
    if ask.state in {AskState.APPROVED, AskState.DENIED} and ask.approval.closed:
        until = min(until, ask.approval.closed)
    return (ask.started or until) - _CLOCKS_DIFFER <= when <= until + _CLOCKS_DIFFER


def _date(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
