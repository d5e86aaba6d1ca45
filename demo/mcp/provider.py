"""Calls to a provider's API with one token, and plain words for what can go wrong.

The token travels in one header only; no error text repeats it, and a redirect is not followed,
because it could carry the header to another host.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPMessage
from typing import IO, Final
from urllib.parse import urlencode, urlsplit

_TIMEOUT_S: Final = 15
_BODY_LIMIT: Final = 4 << 20
_SLACK_REFUSALS: Final = ("not_authed", "invalid_auth", "token_expired", "token_revoked")

type Values = Mapping[str, str]


class ProviderError(Exception):
    """The provider refused or failed; the text can be shown to an agent as it is."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider's API at ``base_url`` with one access token, which may be missing.

    ``variable`` is where the token is expected, for the error text. Raises ValueError if
    ``base_url`` is no http address.
    """

    title: str
    base_url: str
    variable: str
    token: str = field(repr=False)

    def __post_init__(self) -> None:
        if urlsplit(self.base_url).scheme not in ("http", "https"):
            raise ValueError(f"{self.base_url!r} must begin with http:// or https://")

    def get(self, path: str, query: Values | None = None) -> object:
        """Read ``path``; raises ProviderError."""
        suffix = f"?{urlencode(query)}" if query else ""
        return self._call("GET", path + suffix, None)

    def post(self, path: str, body: Mapping[str, str]) -> object:
        """Send ``body`` as JSON to ``path``; raises ProviderError."""
        return self._call("POST", path, json.dumps(body).encode())

    def _call(self, method: str, path: str, body: bytes | None) -> object:
        if not self.token:
            raise ProviderError(
                f"No credential: {self.variable} is empty. Start this server with `ata mcp run`, "
                "which asks the broker for one."
            )
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        url = f"{self.base_url.rstrip('/')}/{path.lstrip('/')}"
        request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310
        try:
            with _OPENER.open(request, timeout=_TIMEOUT_S) as answer:
                return self._accepted(answer.read(_BODY_LIMIT))
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error.code, error.read(_BODY_LIMIT)) from None
        except (OSError, HTTPException):
            host = urlsplit(self.base_url).netloc
            raise ProviderError(f"{self.title} cannot be reached at {host}.") from None

    def _accepted(self, raw: bytes) -> object:
        value = _json(raw)
        if value is None:
            raise ProviderError(f"{self.title} answered with something that is not JSON.")
        if isinstance(value, dict) and value.get("ok") is False:
            raise self._slack_refused(str(value.get("error", "unknown_error")))
        return value

    def _slack_refused(self, word: str) -> ProviderError:
        """Slack answers 200 and says in the body that it refused."""
        if word in _SLACK_REFUSALS:
            return self._unauthorised(word)
        if word == "missing_scope":
            return self._forbidden(word)
        return ProviderError(f"{self.title} refused the call: {self._safe(word)}.")

    def _refused(self, status: int, raw: bytes) -> ProviderError:
        said = self._safe(_message(_json(raw)))
        if status == 401:
            return self._unauthorised(said)
        if status == 403:
            return self._forbidden(said)
        detail = f": {said}" if said else ""
        return ProviderError(f"{self.title} answered {status}{detail}.")

    def _unauthorised(self, said: str) -> ProviderError:
        return ProviderError(
            f"{self.title} no longer accepts this credential ({said or 'unauthorised'}). It "
            "expired or was revoked; connect the account again in the portal."
        )

    def _forbidden(self, said: str) -> ProviderError:
        return ProviderError(
            f"{self.title} refuses this call ({said or 'forbidden'}). The connection lacks a "
            "scope that it needs."
        )

    def _safe(self, text: str) -> str:
        return text.replace(self.token, "[credential]")[:300]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        """Follow nothing: the answer then counts as an error with its status."""


# No proxy either: it would see the header.
_OPENER: Final = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))


def _json(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _message(body: object) -> str:
    """Return the provider's own words: GitHub's ``message`` or Google's ``error.message``."""
    if not isinstance(body, dict):
        return ""
    inner = body.get("error")
    if isinstance(inner, dict):
        return str(inner.get("message", ""))
    return str(body.get("message") or inner or "")
