"""Positive evidence of a denial: `gd_auth_rejected` in the tenant log."""

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
_CLOCKS_DIFFER = timedelta(seconds=2)


def rejection_seen(ask: Ask) -> bool:
    """Whether the tenant log says that the asked person rejected a push during this ask.

    False when it does not, cannot be read, or no Management API client is configured.
    """
    management = issuer.management()
    if management is None or ask.started is None:
        return False
    try:
        page = management.search_logs(
            f'type:"{REJECTED}" AND user_id:"{ask.person.sub}"', per_page=50
        )
    except (Auth0Error, OutboundError) as error:
        log.info("tenant log not readable: %s", error)
        return False
    return any(_is_about(entry, ask) for entry in page.entries)


def _is_about(entry: Mapping[str, object], ask: Ask) -> bool:
    when = _date(entry.get("date"))
    opened = (ask.started or ask.expires_at) - _CLOCKS_DIFFER
    return (
        entry.get("type") == REJECTED
        and entry.get("user_id") == ask.person.sub
        and when is not None
        and opened <= when <= ask.expires_at + _CLOCKS_DIFFER
        and _same_message(entry.get("details"), ask.code)
    )


def _date(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _same_message(details: object, code: str) -> bool:
    """Where the log repeats the binding message it must be ours; Auth0's own does not repeat it."""
    if not isinstance(details, Mapping):
        return True
    return details.get("binding_message") in (None, code)
