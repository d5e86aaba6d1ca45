"""One authenticated form POST to an endpoint that discovery names (RFC 6749 sections 2.3 and 3.2).

Every grant this product uses is such a call; what differs is the fields and how each reads errors.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote_plus

from auth0_client.config import Client
from auth0_client.discovery import Discovery, ProviderDocument
from auth0_client.error_mapping import call, error_of, failure_of
from auth0_client.errors import Auth0Error
from http_client.client import HttpClient
from http_client.json_fields import Fields
from http_client.redaction import printable, redact_text, secret_values
from http_client.response import Answer


@dataclass(frozen=True, slots=True)
class Reply:
    """An endpoint's answer; ``error`` is None exactly when the status was 2xx.

    Callers branch on ``error``, never on the status: Auth0 uses different statuses for the same
    error on different grants.
    """

    answer: Answer
    secrets: tuple[str, ...]
    error: str | None
    words: str

    def fields(self) -> Fields:
        """The body of a success."""
        return self.answer.fields()

    def failure(self) -> Auth0Error:
        """The error in the shared vocabulary, for codes the caller has no own meaning for."""
        return failure_of(self.answer, self.secrets)

    def __repr__(self) -> str:
        return f"Reply({self.answer.operation}, {self.error or 'ok'})"


class Endpoints:
    """The OAuth endpoints of one tenant."""

    def __init__(self, discovery: Discovery, outbound: HttpClient) -> None:
        self._discovery = discovery
        self._outbound = outbound

    @property
    def issuer(self) -> str:
        """The issuer exactly as discovery spells it."""
        return self._discovery.document().issuer

    def post(
        self,
        operation: str,
        endpoint: str,
        fields: Mapping[str, str | None],
        client: Client,
    ) -> Reply:
        """POST ``fields`` (None values left out) to ``endpoint``, authenticated as ``client``.

        A secret that is refused and has changed meanwhile is followed once: the refusal of a
        client (RFC 6749 section 5.2) did nothing of what was asked.

        Raises:
            NotOffered: discovery does not name ``endpoint``.
            Unavailable: no answer; ``maybe_delivered`` says whether it may have been acted on.
            AddressRefused, BadAnswer: as in ``http_client``.
        """
        document = self._discovery.document()
        secret = client.secret
        reply = self._post(document, operation, endpoint, fields, client.client_id, secret)
        if _refuses_the_client(reply) and (newer := client.newer_secret(secret)) is not None:
            reply = self._post(document, operation, endpoint, fields, client.client_id, newer)
        return reply

    def _post(
        self,
        document: ProviderDocument,
        operation: str,
        endpoint: str,
        fields: Mapping[str, str | None],
        client_id: str,
        secret: str,
    ) -> Reply:
        url = document.endpoint(endpoint)
        form = {name: value for name, value in fields.items() if value is not None}
        headers: dict[str, str] = {"Accept": "application/json"}
        if not secret:
            form["client_id"] = client_id
        elif "client_secret_post" in document.auth_methods:
            form.update(client_id=client_id, client_secret=secret)
        else:
            headers["Authorization"] = _basic(client_id, secret)
        answer = call(
            operation,
            lambda: self._outbound.post_form(url, form, operation=operation, headers=headers),
        )
        secrets = tuple(secret_values(form))
        if answer.ok:
            return Reply(answer, secrets, None, "")
        error, words = error_of(answer)
        return Reply(answer, secrets, error, printable(redact_text(words, secrets)))


def _refuses_the_client(reply: Reply) -> bool:
    """Auth0 also says access_denied where RFC 6749 section 5.2 has invalid_client."""
    return reply.error == "invalid_client" or (
        reply.error == "access_denied" and reply.answer.status == 401
    )


def _basic(client_id: str, secret: str) -> str:
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
