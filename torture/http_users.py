"""People who sign in and act over HTTP, and who live through an outage."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from portal.env import env
from scripts.sample_data.people import Person, Phones

TROUBLE = (OSError, http.client.HTTPException, ValueError)  # a dead server, or half an answer


def signed_in(name: str) -> Person:
    """Somebody with an access token of a day."""
    person = Person(name)
    person.sign_in()
    return person


def call(
    person: Person,
    method: str,
    path: str,
    body: object = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, Any]:
    """One call of `/v1`: status and JSON.

    Raises:
        TROUBLE: nobody answered, or not to the end.
    """
    request = urllib.request.Request(
        f"http://127.0.0.1:{env.PORTAL_PORT}/v1/{path}",
        data=json.dumps(body).encode() if body is not None else None,
        method=method,
        headers={
            "Authorization": f"Bearer {person.token}",
            "Content-Type": "application/json",
            **(headers or {}),
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read() or b"{}")


def raw(person: Person, path: str) -> tuple[int, bytes]:
    """One GET of `/v1` whose answer is not JSON; raises as `call`."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{env.PORTAL_PORT}/v1/{path}",
        headers={"Authorization": f"Bearer {person.token}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


class Handset(Phones):
    """Every phone; a tap is one request, without waiting for the question to arrive."""

    def tap(self, sub: str, code: str, verdict: str) -> bool:
        """Whether the tenant took the answer to the question that shows this code."""
        consent = self._find(sub, code)
        if not consent:
            return False
        return self._post(f"phone/{urllib.parse.quote(sub, safe='')}/{consent}/{verdict}")
