"""What a person answered by the tenant log: `gd_auth_rejected`, `gd_auth_succeed`.

A rejection is positive evidence of a denial. A success proves no intent and commits nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from approvals import issuer
from approvals.models import Ask, AskState
from auth0_client.errors import Auth0Error
from outbound.errors import OutboundError

log = logging.getLogger(__name__)

REJECTED = "gd_auth_rejected"
SUCCEEDED = "gd_auth_succeed"
_CLOCKS_DIFFER = timedelta(seconds=2)


def rejection_seen(ask: Ask, *, told: bool) -> bool:
    """Whether the tenant log says that the asked person rejected this very push.

    Args:
        told: Auth0 itself refused this request before it expired. Then only another refused request
            can explain an entry; else every request that may have been refused can.

    False when it does not, cannot be read, or no Management API client is configured.
    """
    # One that ended as expired may have been refused while nobody asked Auth0.
    rivals = {AskState.DENIED} if told else set(AskState) - {AskState.APPROVED}
    return _seen(REJECTED, ask, rivals)


def approval_seen(ask: Ask) -> bool:
    """Whether it says that they approved one; False as above. Never enough to commit."""
    return _seen(SUCCEEDED, ask, set(AskState) - {AskState.DENIED, AskState.EXPIRED})


def _seen(kind: str, ask: Ask, rivals: set[AskState]) -> bool:
    management = issuer.management()
    if management is None or ask.started is None:
        return False
    try:
        page = management.search_logs(f'type:"{kind}" AND user_id:"{ask.person.sub}"', per_page=50)
    except (Auth0Error, OutboundError) as error:
        log.info("tenant log not readable: %s", error)
        return False
    found = [
        (when, entry.get("details"))
        for entry in page.entries
        if entry.get("type") == kind
        and entry.get("user_id") == ask.person.sub
        and (when := _date(entry.get("date"))) is not None
        and _open_at(ask, when)
    ]
    named = [message for _, details in found if (message := _message(details)) is not None]
    if named:
        return ask.code in named
    return len(found) > _others(ask, [when for when, _ in found], rivals)


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
