"""What a person answered by the tenant log: `gd_auth_rejected`, `gd_auth_succeed`.

A rejection is positive evidence of a denial. A success proves no intent and commits nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from approvals import issuer
from approvals.models import Ask
from auth0_client.errors import Auth0Error
from outbound.errors import OutboundError

log = logging.getLogger(__name__)

REJECTED = "gd_auth_rejected"
SUCCEEDED = "gd_auth_succeed"
_CLOCKS_DIFFER = timedelta(seconds=2)


def rejection_seen(ask: Ask) -> bool:
    """Whether the tenant log says that the asked person rejected a push during this ask.

    False when it does not, cannot be read, or no Management API client is configured.
    """
    return _seen(REJECTED, ask)


def approval_seen(ask: Ask) -> bool:
    """Whether it says that they approved one; False as above. Never enough to commit."""
    return _seen(SUCCEEDED, ask)


def _seen(kind: str, ask: Ask) -> bool:
    management = issuer.management()
    if management is None or ask.started is None:
        return False
    try:
        page = management.search_logs(f'type:"{kind}" AND user_id:"{ask.person.sub}"', per_page=50)
    except (Auth0Error, OutboundError) as error:
        log.info("tenant log not readable: %s", error)
        return False
    return any(_is_about(entry, kind, ask) for entry in page.entries)


def _is_about(entry: Mapping[str, object], kind: str, ask: Ask) -> bool:
    when = _date(entry.get("date"))
    opened = (ask.started or ask.expires_at) - _CLOCKS_DIFFER
    return (
        entry.get("type") == kind
        and entry.get("user_id") == ask.person.sub
        and when is not None
        and opened <= when <= ask.expires_at + _CLOCKS_DIFFER
        and _same_message(entry.get("details"), ask, when)
    )


def _date(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _same_message(details: object, ask: Ask, when: datetime) -> bool:
    """Where the log repeats the binding message it must be ours. Auth0's own does not: then it is
    about this ask only if the person was asked nothing else at that time."""
    said = details.get("binding_message") if isinstance(details, Mapping) else None
    if said is not None:
        return bool(said == ask.code)
    others = Ask.objects.filter(
        person=ask.person,
        started__lte=when + _CLOCKS_DIFFER,
        expires_at__gte=when - _CLOCKS_DIFFER,
    )
    return not others.exclude(approval=ask.approval_id).exists()
