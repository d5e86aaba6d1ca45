"""One signed POST to the address where a team reads (Standard Webhooks 1.0).

The receiver checks `webhook-signature`: `v1,` and the base64 HMAC-SHA256 of
`{webhook-id}.{webhook-timestamp}.{body}` under the shared secret. The id stays the same for each
attempt, so the receiver can tell a repeated one from a new one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings

from approvals import clock
from audit.ledger.format.canonical import canonical
from http_client import BadAnswer, Guard, HttpClient, Retries, Timeouts

_OPERATION = "approval.webhook"
_TIMEOUTS = Timeouts(connect=2.0, read=5.0, write=5.0, pool=2.0, total=8.0)


def send(identifier: str, document: Mapping[str, Any]) -> None:
    """POST the document; any 2xx is a receipt.

    Raises:
        HttpClientError: it was not received, or another status was answered.
    """
    url = settings.ENV.APPROVAL_WEBHOOK_URL
    body = canonical(dict(document))
    sent_at = str(int(clock.now().timestamp()))
    answer = _http(url).request(
        "POST",
        url,
        operation=_OPERATION,
        content=body,
        headers={
            "Content-Type": "application/json",
            "webhook-id": identifier,
            "webhook-timestamp": sent_at,
            "webhook-signature": signature(identifier, sent_at, body),
        },
    )
    if not 200 <= answer.status < 300:
        raise BadAnswer(_OPERATION, answer.host, f"answered {answer.status}")


def signature(identifier: str, sent_at: str, body: bytes) -> str:
    """`v1,` and the signature over id, time (Unix seconds) and body."""
    signed = f"{identifier}.{sent_at}.".encode() + body
    key = settings.ENV.secret("APPROVAL_WEBHOOK_SECRET").encode()
    digest = hmac.digest(key, signed, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


@lru_cache(maxsize=4)
def _http(url: str) -> HttpClient:
    return HttpClient(
        guard=Guard.only(url), timeouts=_TIMEOUTS, retries=Retries(attempts=1), max_bytes=64_000
    )
