"""My Account: a person connects, lists and deletes their own accounts, with their own token.

Auth0 My Account API v1, ``/connected-accounts``; errors are RFC 9457 problem JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode

from auth0_client.error_mapping import call, done_without_words, error_of, failure_of
from auth0_client.grants.authorization_code_and_refresh import with_query
from http_client.client import HttpClient
from http_client.json_fields import Fields
from http_client.response import Answer

SCOPES: Final = tuple(f"{verb}:me:connected_accounts" for verb in ("create", "read", "delete"))
_PAGE: Final = "20"
_MOST_PAGES: Final = 100


@dataclass(frozen=True, slots=True)
class ConnectStarted:
    """Send the browser to ``url`` within ``expires_in`` seconds; keep ``auth_session``."""

    url: str = field(repr=False)
    auth_session: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True)
class ConnectedAccount:
    """One connected account. Auth0 tells neither whose it is at the provider nor its last use.

    ``expires_at`` is the end of the provider's grant, if known.
    """

    id: str
    connection: str
    access_type: str | None
    scopes: tuple[str, ...]
    created_at: datetime | None
    expires_at: datetime | None
    org_id: str | None


@dataclass(frozen=True, slots=True)
class Connectable:
    """A connection that this person could connect."""

    name: str
    strategy: str | None
    scopes: tuple[str, ...]


class MyAccount:
    """The My Account API of one tenant; every call takes the person's own token."""

    def __init__(self, base: str, outbound: HttpClient) -> None:
        """``base`` is the issuer with its trailing slash."""
        self._base = f"{base}me/v1/connected-accounts"
        self._secure = base.startswith("https:")
        self._outbound = outbound

    def connect(
        self,
        token: str,
        connection: str,
        *,
        redirect_uri: str,
        state: str,
        code_challenge: str,
        scopes: Sequence[str] = (),
        authorization_params: Mapping[str, str] | None = None,
    ) -> ConnectStarted:
        """Begin to connect an account. ``scopes`` replace the ones set at the tenant.

        Raises:
            Conflict, BadRequest, NotFound (no such connection), Forbidden (scope missing),
            InvalidGrant (token not accepted), RateLimited, Unavailable, HttpClientError.
        """
        body: dict[str, object] = {
            "connection": connection,
            "redirect_uri": redirect_uri,
            "state": state,
            "code_challenge": code_challenge,
            "code_challenge_method": "S256",
        }
        if scopes:
            body["scopes"] = list(scopes)
        if authorization_params:
            body["authorization_params"] = dict(authorization_params)
        found = self._post("my_account.connect", "/connect", token, body)
        uri = found.text("connect_uri", limit=2048)
        if not uri.startswith(("https://",) if self._secure else ("https://", "http://")):
            raise found.bad("connect_uri", "is not a URL of the tenant's own kind")
        if not uri.isascii() or not uri.isprintable() or " " in uri:
            raise found.bad("connect_uri", "holds characters that no URL has")
        ticket = found.nested("connect_params").text("ticket", limit=4096)
        return ConnectStarted(
            url=with_query(uri, [("ticket", ticket)]),
            auth_session=found.text("auth_session", limit=4096),
            expires_in=found.integer("expires_in", low=1),
        )

    def complete(
        self,
        token: str,
        *,
        auth_session: str,
        connect_code: str,
        redirect_uri: str,
        code_verifier: str,
    ) -> ConnectedAccount:
        """Finish what ``connect`` began, with the code the browser brought back.

        Raises:
            Conflict: it is connected already. Otherwise as ``connect``.
        """
        body = {
            "auth_session": auth_session,
            "connect_code": connect_code,
            "redirect_uri": redirect_uri,
            "code_verifier": code_verifier,
        }
        return _account(self._post("my_account.complete", "/complete", token, body))

    def accounts(self, token: str, *, connections: Sequence[str] = ()) -> list[ConnectedAccount]:
        """Every connected account of the token's owner, page by page."""
        found = self._pages("my_account.accounts", "/accounts", "accounts", token, connections)
        return [_account(item) for item in found]

    def connectable(self, token: str) -> list[Connectable]:
        """Every connection that the token's owner could connect."""
        return [
            Connectable(
                name=item.text("name", limit=256),
                strategy=item.optional_text("strategy", limit=256),
                scopes=item.texts("scopes"),
            )
            for item in self._pages(
                "my_account.connectable", "/connections", "connections", token, ()
            )
        ]

    def delete(self, token: str, account_id: str) -> bool:
        """Delete a connected account; False if it was gone already.

        Nothing is revoked at the provider: tokens it issued stay valid until they expire.
        """
        url = f"{self._base}/accounts/{quote(account_id, safe='')}"
        answer = self._send(
            "my_account.delete",
            token,
            lambda headers: self._outbound.delete(
                url, operation="my_account.delete", headers=headers
            ),
        )
        if answer.status in (404, 410):
            error_of(answer)  # a page of something in between is not Auth0 saying that it is gone
            return False
        if not answer.ok:
            raise failure_of(answer, [token])
        done_without_words(answer)
        return True

    def _pages(
        self, operation: str, path: str, member: str, token: str, connections: Sequence[str]
    ) -> Iterator[Fields]:
        cursor: str | None = None
        seen: set[str] = set()
        for _ in range(_MOST_PAGES):
            pairs = [("connection", name) for name in connections]
            pairs += [("take", _PAGE)] + ([("from", cursor)] if cursor else [])
            found = self._get(operation, f"{self._base}{path}?{urlencode(pairs)}", token)
            if member not in found:  # an empty list is said, never meant by silence
                raise found.bad(member, "is missing")
            yield from found.objects(member)
            cursor = found.optional_text("next", limit=4096)
            if not cursor:
                return
            if cursor in seen:
                raise found.bad("next", "leads back to a page that was read")
            seen.add(cursor)
        raise found.bad("next", f"goes on behind {_MOST_PAGES} pages")

    def _get(self, operation: str, url: str, token: str) -> Fields:
        answer = self._send(
            operation,
            token,
            lambda headers: self._outbound.get(url, operation=operation, headers=headers),
        )
        if not answer.ok:
            raise failure_of(answer, [token])
        return answer.fields()

    def _post(self, operation: str, path: str, token: str, body: Mapping[str, object]) -> Fields:
        answer = self._send(
            operation,
            token,
            lambda headers: self._outbound.post_json(
                f"{self._base}{path}", body, operation=operation, headers=headers
            ),
        )
        if not answer.ok:
            secrets = [value for value in body.values() if isinstance(value, str)]
            raise failure_of(answer, [token, *secrets])
        return answer.fields()

    def _send(
        self, operation: str, token: str, send: Callable[[Mapping[str, str]], Answer]
    ) -> Answer:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        return call(operation, lambda: send(headers))


def _account(found: Fields) -> ConnectedAccount:
    return ConnectedAccount(
        id=found.text("id", limit=128),
        connection=found.text("connection", limit=256),
        access_type=found.optional_text("access_type", limit=64),
        scopes=found.texts("scopes"),
        created_at=found.moment("created_at"),
        expires_at=found.moment("expires_at"),
        org_id=found.optional_text("org_id", limit=256),
    )
