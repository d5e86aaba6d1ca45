"""The portal's `/v1` as this command line uses it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from ata.errors import AtaError, Unreachable
from ata.portal.http_connection import answering, check_url, open_client
from ata.portal.problem_documents import problem
from ata.session.oauth_requests import fresh_session
from ata.session.session_file import SessionStore

if TYPE_CHECKING:
    from types import TracebackType

    import httpx

DEFAULT_PORTAL = "http://localhost:8000"
type Params = Mapping[str, Sequence[str]]
"""Query parameters; each may repeat."""

_TRANSIENT = frozenset({502, 503, 504})
_ATTEMPTS = 4
_BETWEEN_ATTEMPTS_S = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer: its status and its JSON object (a bare list becomes `items`)."""

    status: int
    body: dict[str, object]


@dataclass(frozen=True, slots=True)
class _Credential:
    """What one request needs of the session."""

    refreshable: bool
    access_token: str = field(repr=False)

    def header(self) -> dict[str, str]:
        """The Authorization header (RFC 6750 section 2.1)."""
        return {"Authorization": f"Bearer {self.access_token}"}


def portal_url(store: SessionStore) -> str:
    """`ATA_PORTAL`, else the portal of the session, else the local one; no trailing slash."""
    named = os.environ.get("ATA_PORTAL")
    if named:
        return named.rstrip("/")
    session = store.load()
    return session.portal if session else DEFAULT_PORTAL


class Portal:
    """A connection to the portal at `url`; use it as a context manager.

    Every call but a public one carries the session's access token, refreshed silently. Errors
    of the portal (RFC 9457) become `AtaError` with the portal's own code.
    """

    def __init__(self, url: str, store: SessionStore) -> None:
        self.url = check_url(url, "The portal").rstrip("/")
        self._store = store
        self._client = open_client(self.url)

    @classmethod
    def open(cls) -> Portal:
        """The portal of this command: see `portal_url`."""
        store = SessionStore.default()
        return cls(portal_url(store), store)

    def __enter__(self) -> Portal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def page(self, path: str) -> str:
        """The address of one of the portal's pages."""
        return self.url + path

    def public(self, path: str) -> Answer:
        """GET without a token.

        Raises:
            AtaError: the portal's code, `unreachable`, or `unexpected_answer`.
        """
        return self._answer(self._send("GET", path, headers={}))

    def get(
        self,
        path: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """GET as the operator.

        Raises:
            AtaError: the portal's code, `unreachable`, or `unexpected_answer`.
        """
        return self._answer(self._authorized("GET", path, params=params, headers=headers or {}))

    def put(self, path: str, body: Mapping[str, object], *, idempotency_key: str = "") -> Answer:
        """PUT as the operator.

        Raises:
            AtaError: the portal's code, `unreachable`, or `unexpected_answer`.
        """
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._answer(self._authorized("PUT", path, json=dict(body), headers=headers))

    def delete(self, path: str) -> Answer:
        """DELETE as the operator.

        Raises:
            AtaError: the portal's code, `unreachable`, or `unexpected_answer`.
        """
        return self._answer(self._authorized("DELETE", path, headers={}))

    def post(self, path: str, body: Mapping[str, object], *, idempotency_key: str = "") -> Answer:
        """POST as the operator; with an idempotency key, tried again when nobody answers.

        Raises:
            AtaError: the portal's code, `unreachable`, or `unexpected_answer`.
        """
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        attempts = _ATTEMPTS if idempotency_key else 1
        for _ in range(attempts - 1):
            try:
                response = self._authorized("POST", path, json=dict(body), headers=headers)
            except Unreachable as error:
                if not error.details.get("sent"):
                    raise
                continue
            if not _may_be_lost(response):
                return self._answer(response)
            time.sleep(_BETWEEN_ATTEMPTS_S)
        return self._answer(self._authorized("POST", path, json=dict(body), headers=headers))

    @contextmanager
    def download(self, path: str) -> Iterator[Iterator[bytes]]:
        """The body of a GET, in pieces.

        Raises:
            AtaError: the portal's code or `unreachable`.
        """
        headers = {**self._credential().header(), "Accept": "*/*"}
        with (
            self._reaching(),
            self._client.stream("GET", self._resolve(path), headers=headers) as response,
        ):
            if not response.is_success:
                response.read()
                raise problem(response, self.url)
            yield response.iter_bytes()

    def fetch(self, path: str, most_bytes: int) -> bytes:
        """The body of a GET as the operator, whole.

        Raises:
            AtaError: the portal's code, `unreachable`, or `unexpected_answer` over that length.
        """
        response = self._authorized("GET", path, headers={"Accept": "*/*"})
        if not response.is_success:
            raise problem(response, self.url)
        if len(response.content) > most_bytes:
            raise AtaError(
                f"{self.url}{path} answered {len(response.content):,} bytes.",
                code="unexpected_answer",
                fix="Check that ATA_PORTAL is the portal's own address.",
            )
        return response.content

    def _credential(self, rejected: str = "") -> _Credential:
        session = fresh_session(self._store, rejected=rejected)
        if session.portal != self.url:
            raise AtaError(
                f"You are signed in to {session.portal}, not to {self.url}.",
                code="other_portal",
                fix=f"Run `ATA_PORTAL={self.url} ata login`, or unset ATA_PORTAL.",
            )
        return _Credential(bool(session.refresh_token), session.access_token)

    def _authorized(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        params: Params | None = None,
        json: dict[str, object] | None = None,
    ) -> httpx.Response:
        credential = self._credential()
        response = self._send(
            method, path, headers={**headers, **credential.header()}, params=params, json=json
        )
        if response.status_code != 401 or not credential.refreshable:
            return response
        # The portal's clock or key set may disagree with ours: one new token settles it.
        credential = self._credential(rejected=credential.access_token)
        return self._send(
            method, path, headers={**headers, **credential.header()}, params=params, json=json
        )

    def _send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        params: Params | None = None,
        json: dict[str, object] | None = None,
    ) -> httpx.Response:
        url = self._resolve(path)
        with self._reaching():
            return self._client.request(
                method, url, headers=dict(headers), params=params or None, json=json
            )

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        fix = "Start it with `make up`, or name another portal with ATA_PORTAL."
        with answering("The portal", self.url, fix):
            yield

    def _resolve(self, path: str) -> str:
        # An absolute address in an answer is read as a path of this portal, whatever host it
        # names: the token goes only where the operator sent it.
        parts = urlsplit(path)
        base = urljoin(self.url, "/").rstrip("/") if parts.scheme else self.url
        return base + parts.path + (f"?{parts.query}" if parts.query else "")

    def _answer(self, response: httpx.Response) -> Answer:
        if not response.is_success:
            raise problem(response, self.url)
        if not response.content:
            return Answer(response.status_code, {})
        try:
            body = response.json()
        except ValueError:
            body = None
        if isinstance(body, list):
            return Answer(response.status_code, {"items": body})
        if not isinstance(body, dict):
            raise AtaError(
                f"{self.url} answered something that is not JSON.",
                code="unexpected_answer",
                fix="Check that ATA_PORTAL is the portal's own address.",
            )
        return Answer(response.status_code, body)


def _may_be_lost(response: httpx.Response) -> bool:
    """Whether the act may have happened without our hearing of it; its key makes asking safe."""
    if response.status_code in _TRANSIENT:
        return True
    return response.status_code == 409 and b'"still_running"' in response.content
