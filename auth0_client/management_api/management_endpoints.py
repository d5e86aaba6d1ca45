"""The Management API calls themselves, named for what they bring or do."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Final

from auth0_client.error_mapping import done_without_words
from auth0_client.errors import NotFound
from auth0_client.management_api.log_page_parsing import LogPage, read_items, read_page
from auth0_client.management_api.transport import (
    Budget,
    ManagementTransport,
    items_or_member,
    segment,
)
from auth0_client.management_api.typed_user_and_grant_records import (
    AuthenticationMethod,
    Grant,
    ManagedAccount,
    RefreshToken,
    Role,
    Session,
    User,
    read_account,
    read_grant,
    read_method,
    read_refresh_token,
    read_role,
    read_session,
    read_user,
)
from http_client.json_fields import Fields

USERS_A_PAGE: Final = 100
MOST_FOUND: Final = 1000
"""What Auth0's search of users gives for one question, over all its pages."""


class Management:
    """Reads about people and logs; ends sessions and tokens. Errors as in ``transport.send``."""

    def __init__(self, transport: ManagementTransport) -> None:
        self._api = transport

    @property
    def budget(self) -> Budget:
        """What the newest answer said about the rate limit."""
        return self._api.budget

    def users_created(self, since: datetime, page: int = 0) -> tuple[list[User], int]:
        """A page of those created at ``since`` or later, oldest first, and how many there are.

        Auth0's search is paged by ``page`` and ``per_page`` up to the 1,000th result and refuses
        what is beyond, so that a long list is walked by ``since``. Times are of milliseconds.
        """
        moment = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{since:%f}"[:3] + "Z"
        params = {
            "q": f"created_at:[{moment} TO *]",
            "search_engine": "v3",
            "sort": "created_at:1",
            "page": str(page),
            "per_page": str(USERS_A_PAGE),
            "include_totals": "true",
        }
        found = self._api.send("GET", "mgmt.users", "users", params=params).fields()
        if "users" not in found:
            raise found.bad("users", "is missing")
        users = [read_user(item) for item in found.objects("users")]
        if any(user.created_at is None for user in users):
            raise found.bad("users", "has one without created_at")
        return users, found.optional_integer("total") or len(users)

    def has_members(self, names: Collection[str]) -> bool:
        """Whether the tenant assigns a role of one of these names to anybody."""
        for item in self._api.numbered_pages("mgmt.all_roles", "roles"):
            role = read_role(item)
            path, one = f"roles/{segment(role.id)}/users", {"page": "0", "per_page": "1"}
            if (
                role.name in names
                and self._api.send("GET", "mgmt.role_users", path, params=one).items()
            ):
                return True
        return False

    def user(self, user_id: str) -> User:
        """One user; raises NotFound."""
        return read_user(self._get("mgmt.user", f"users/{segment(user_id)}"))

    def roles(self, user_id: str) -> list[Role]:
        """The roles assigned to a user at the tenant."""
        path = f"users/{segment(user_id)}/roles"
        return [read_role(item) for item in self._api.numbered_pages("mgmt.roles", path)]

    def connected_accounts(self, user_id: str) -> list[ManagedAccount]:
        """Every connected account of a user."""
        path = f"users/{segment(user_id)}/connected-accounts"
        found = self._api.checkpoint_pages("mgmt.connected_accounts", path, "connected_accounts")
        return [read_account(item) for item in found]

    def authentication_methods(self, user_id: str) -> list[AuthenticationMethod]:
        """What a user can prove themselves with."""
        path = f"users/{segment(user_id)}/authentication-methods"
        answer = self._api.send("GET", "mgmt.authentication_methods", path)
        return [read_method(item) for item in items_or_member(answer, "authenticators")]

    def sessions(self, user_id: str) -> list[Session]:
        """The tenant sessions of a user."""
        path = f"users/{segment(user_id)}/sessions"
        found = self._api.checkpoint_pages("mgmt.sessions", path, "sessions")
        return [read_session(item) for item in found]

    def revoke_access(
        self,
        user_id: str,
        *,
        session_id: str | None = None,
        preserve_refresh_tokens: bool = False,
    ) -> None:
        """End all of a user's sessions (or one) and, unless preserved, their refresh tokens."""
        body: dict[str, object] = {"preserve_refresh_tokens": preserve_refresh_tokens}
        if session_id is not None:
            body["session_id"] = session_id
        answer = self._api.send(
            "POST",
            "mgmt.revoke_access",
            f"users/{segment(user_id)}/revoke-access",
            body=json.dumps(body).encode(),
        )
        done_without_words(answer)

    def refresh_tokens(self, user_id: str) -> list[RefreshToken]:
        """The records of a user's refresh tokens."""
        path = f"users/{segment(user_id)}/refresh-tokens"
        found = self._api.checkpoint_pages("mgmt.refresh_tokens", path, "tokens")
        return [read_refresh_token(item) for item in found]

    def delete_refresh_token(self, token_id: str) -> bool:
        """Revoke one refresh token by its record id; False if it was gone already."""
        return self._delete("mgmt.delete_refresh_token", f"refresh-tokens/{segment(token_id)}")

    def grants(self, user_id: str) -> list[Grant]:
        """The consents a user gave to applications."""
        found = self._api.numbered_pages("mgmt.grants", "grants", {"user_id": user_id})
        return [read_grant(item) for item in found]

    def delete_grant(self, grant_id: str) -> bool:
        """Withdraw one consent; False if it was gone already."""
        return self._delete("mgmt.delete_grant", f"grants/{segment(grant_id)}")

    def log_items_after(self, log_id: str, *, take: int = 100) -> LogPage:
        """Tenant log events after ``log_id``, by checkpoint; ``take`` at most 100.

        Entries that are not as described are left in for the caller.
        """
        params = {"from": log_id, "take": str(take)}
        return read_items(self._api.send("GET", "mgmt.logs", "logs", params=params), log_id)

    def latest_log_id(self) -> str | None:
        """The id of the newest log event, to begin a checkpoint at; None in an empty log."""
        page = self.search_logs("", per_page=1)
        return str(page.entries[0]["log_id"]) if page.entries else None

    def search_logs(self, query: str, *, page: int = 0, per_page: int = 100) -> LogPage:
        """Log events matching Auth0's log search ``query``, newest first (at most 1,000)."""
        params = {"sort": "date:-1", "page": str(page), "per_page": str(per_page)}
        if query:
            params["q"] = query
        return read_page(self._api.send("GET", "mgmt.search_logs", "logs", params=params))

    def client(self, client_id: str) -> Fields:
        """An application's settings, for the configuration doctor."""
        return self._get("mgmt.client", f"clients/{segment(client_id)}")

    def connections(self) -> list[Fields]:
        """Every connection's settings, for the configuration doctor."""
        return list(self._api.numbered_pages("mgmt.connections", "connections"))

    def resource_servers(self) -> list[Fields]:
        """Every API's settings, for the configuration doctor."""
        return list(self._api.numbered_pages("mgmt.resource_servers", "resource-servers"))

    def client_grants(self, audience: str) -> list[Fields]:
        """Which applications may ask for ``audience``, for the configuration doctor."""
        params: Mapping[str, str] = {"audience": audience}
        return list(self._api.numbered_pages("mgmt.client_grants", "client-grants", params))

    def _get(self, operation: str, path: str) -> Fields:
        return self._api.send("GET", operation, path).fields()

    def _delete(self, operation: str, path: str) -> bool:
        try:
            done_without_words(self._api.send("DELETE", operation, path))
        except NotFound:
            return False
        return True
