"""Reading settings over the Management API, where *cannot see* is never *is wrong*."""

from __future__ import annotations

from collections.abc import Callable

from auth0_client.errors import FAILURES, Forbidden, NotFound, RateLimited
from auth0_client.management_api import Management
from http_client.json_fields import Fields
from portal.ops.auth0_checks.check_result import Finding, bad, not_checked

type Judge[T] = Callable[[T], list[Finding]]

SCOPES_PAGE = "dashboard: Applications → Management → APIs → Auth0 Management API → Permissions"


def judge[T](check: str, scope: str, read: Callable[[], T], judged: Judge[T]) -> list[Finding]:
    """The findings about what ``read`` brings, or one that says why nothing could be read.

    ``scope`` is the Management API scope that ``read`` needs.
    """
    try:
        return judged(read())
    except Forbidden as error:
        wanted = ", ".join(error.missing_scopes) or scope
        return [not_checked(check, f"403: the Management token lacks {wanted}", SCOPES_PAGE)]
    except NotFound as error:
        return [not_checked(check, f"404: {error.detail or error.code}")]
    except RateLimited:
        return [not_checked(check, "429: the tenant's rate limit", "Run it again shortly")]
    except FAILURES as error:
        return [not_checked(check, str(error))]


def application(
    management: Management, name: str, client_id: str, setting: str, judged: Judge[Fields]
) -> list[Finding]:
    """The findings about one application; that it does not exist is a finding too."""

    def read() -> Fields | None:
        try:
            return management.client(client_id)
        except NotFound:
            return None

    def look(found: Fields | None) -> list[Finding]:
        if found is None:
            fix = f"{setting}; dashboard: Applications → {name} → Client ID"
            return [bad(f"{name} application", f"there is no application {client_id}", fix)]
        return judged(found)

    return judge(f"{name} application", "read:clients", read, look)
