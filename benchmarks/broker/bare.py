"""What stands under the broker, as a WSGI application: the server and the call, nothing else.

It passes the caller's token on to the upstream over the product's own HTTP client, lends its thread
while it waits as the broker does, and hands out what came. No question is asked and nothing is
written: what it adds and how many it serves is what this server and this client allow at best.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from http_client.address_guard import Guard
from http_client.client import HttpClient
from http_client.lend_thread_while_waiting import waits_in
from tests.support.vault_provider import TYPE, VAULT

_URL = os.environ["BARE_URL"]
_HEADERS = {"Authorization": os.environ["BARE_AUTHORIZATION"], "Accept": "application/json"}
_outbound = HttpClient(guard=Guard.only(_URL))


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """One exchange, whatever is asked."""
    form = {
        "grant_type": VAULT,
        "subject_token": environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer "),
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "requested_token_type": TYPE,
        "connection": "github",
    }
    if environ["PATH_INFO"] == "/healthz":
        start_response("200 OK", [("Content-Length", "0")])
        return [b""]
    with waits_in(environ["serving.waiting"]):
        url = f"{_URL}/oauth/token"
        answer = _outbound.post_form(url, form, operation="bare", headers=_HEADERS)
    start_response(f"{answer.status} Said", [("Content-Length", str(len(answer.body)))])
    return [answer.body]
