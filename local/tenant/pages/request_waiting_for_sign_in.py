"""A request waiting for sign-in, carried signed in the URL so that nothing is lost on restart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.core import signing

SALT = "tenant.pending"
MAX_AGE_S = 3600


@dataclass(frozen=True, slots=True)
class Pending:
    """Authorization parameters (or, with ``next``, a page here) and when they arrived (epoch s)."""

    params: dict[str, str]
    since: float
    next: str = ""
    consented: bool = False

    def with_consent(self) -> Pending:
        """The same request, consented to."""
        return replace(self, consented=True)


def sign(pending: Pending) -> str:
    """The ``state`` of ``/u/login`` and ``/authorize/resume``."""
    body: dict[str, Any] = {
        "p": pending.params,
        "t": pending.since,
        "n": pending.next,
        "c": pending.consented,
    }
    return signing.dumps(body, salt=SALT, compress=True)


def read(state: str) -> Pending | None:
    """The pending request, or None when the state is forged or older than an hour."""
    try:
        body = signing.loads(state, salt=SALT, max_age=MAX_AGE_S)
    except signing.BadSignature:
        return None
    return Pending(body["p"], body["t"], body["n"], body["c"])
