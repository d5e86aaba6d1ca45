"""How a Management API call is made: token, one renewal, rate budget, paging."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode

from auth0_client.error_mapping import call, failure_of, reset_at
from auth0_client.grants.authorization_code_and_refresh import OAuth
from http_client.client import HttpClient
from http_client.errors import BadAnswer
from http_client.json_fields import Fields
from http_client.response import Answer

_MOST_PAGES: Final = 500


@dataclass(frozen=True, slots=True)
class Budget:
    """What the rate-limit headers of one answer said; None where they said nothing."""

    limit: int | None
    remaining: int | None
    reset_at: datetime | None


class ManagementTransport:
    """Authenticated calls below ``{issuer}api/v2/``."""

    def __init__(self, base: str, outbound: HttpClient, oauth: OAuth) -> None:
        """``base`` is the issuer with its trailing slash; ``oauth`` the machine client's."""
        self.audience = f"{base}api/v2/"
        self.budget = Budget(None, None, None)
        self._outbound = outbound
        self._oauth = oauth

    def send(
        self,
        method: str,
        operation: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """One call; a token the API no longer accepts is renewed once.

        Raises:
            RateLimited (with ``reset_at``), NotFound, Forbidden (with ``missing_scopes``),
            BadRequest, Conflict, InvalidGrant, BadCredentials, Unavailable, HttpClientError.
        """
        token = self._oauth.client_credentials(self.audience)
        answer = self._once(method, operation, path, params, body, token)
        if answer.status == 401:
            self._oauth.forget(token)
            token = self._oauth.client_credentials(self.audience)
            answer = self._once(method, operation, path, params, body, token)
        self.budget = budget(answer)
        if not answer.ok:
            raise failure_of(answer, [token])
        return answer

    def checkpoint_pages(self, operation: str, path: str, member: str) -> Iterator[Fields]:
        """Every item of a list that pages by ``from`` and ``take``."""
        cursor: str | None = None
        seen: set[str] = set()
        for _ in range(_MOST_PAGES):
            params = {"take": "20"} | ({"from": cursor} if cursor else {})
            found = self.send("GET", operation, path, params=params).fields()
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

    def numbered_pages(
        self, operation: str, path: str, params: Mapping[str, str] | None = None
    ) -> Iterator[Fields]:
        """Every item of a list that pages by ``page`` and ``per_page``, as a bare list."""
        for page in range(_MOST_PAGES):
            asked = {**(params or {}), "page": str(page), "per_page": "50"}
            answer = self.send("GET", operation, path, params=asked)
            items = answer.items()
            yield from items
            if len(items) < 50:
                return
        raise BadAnswer(operation, answer.host, f"goes on behind {_MOST_PAGES} pages")

    def _once(
        self,
        method: str,
        operation: str,
        path: str,
        params: Mapping[str, str] | None,
        body: bytes,
        token: str,
    ) -> Answer:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        if body:
            headers["Content-Type"] = "application/json"
        url = f"{self.audience}{path}" + (f"?{urlencode(params)}" if params else "")
        return call(
            operation,
            lambda: self._outbound.request(
                method, url, operation=operation, headers=headers, content=body
            ),
        )


def segment(value: str) -> str:
    """An id as one path segment: ``auth0|65f0`` contains a character that must be escaped."""
    if not value or value in (".", ".."):
        raise ValueError("an id must not be empty or a relative path")
    return quote(value, safe="")


def budget(answer: Answer) -> Budget:
    """The rate-limit headers of ``answer``."""
    return Budget(
        limit=_number(answer, "x-ratelimit-limit"),
        remaining=_number(answer, "x-ratelimit-remaining"),
        reset_at=reset_at(answer),
    )


def items_or_member(answer: Answer, member: str) -> tuple[Fields, ...]:
    """The items of a bare list, or of ``member`` where the API wraps its list in an object."""
    try:
        return answer.items()
    except BadAnswer:
        return answer.fields().objects(member)


def _number(answer: Answer, name: str) -> int | None:
    value = answer.headers.get(name, "").strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) < 12 else None
