"""What anybody may ask without having signed in, and what one question may cost.

A new route for strangers fails the tests until it stands here, with what bounds its cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

type Bound = Literal["constant", "kept", "few rows", "counted", "proof first", "issuer"]


@dataclass(frozen=True, slots=True)
class Cost:
    """What bounds the cost of a question.

    Attributes:
        bound: `constant`, a small answer that needs no row and nobody else; `kept`, made once a
            process; `few rows`, found by an index, however large the tables; `counted`, refused or
            no longer recorded beyond a number a minute; `proof first`, nothing before a token or
            signature held; `issuer`, waits for it within the bounds of one call.
        queries: most statements for one question, by either method.
        why: what is done.
    """

    bound: Bound
    queries: int
    why: str


PAGES: Final[dict[str, Cost]] = {
    "": Cost("constant", 0, "the page that offers the sign-in"),
    "styleguide/": Cost("constant", 0, "components with invented values"),
    "oidc/authenticate/": Cost("issuer", 16, "redirects, keeps state and nonce in a session"),
    "oidc/callback/": Cost("counted", 10, "a code counts only with the state of this browser"),
    "oidc/break-glass/": Cost("counted", 6, "not there while off; tries are counted and locked"),
    "oidc/logout/": Cost("few rows", 2, "removes the session of this browser, by its key"),
    "oidc/backchannel-logout/": Cost("proof first", 0, "the issuer's signature"),
    "services/collector/event": Cost("proof first", 0, "the ingest token of a gateway"),
    "healthz": Cost("constant", 0, "the process answers"),
    "readyz": Cost("issuer", 12, "one look at each part"),
    "metrics": Cost("few rows", 20, "counts that the worker keeps"),
    "log/checkpoint": Cost("few rows", 3, "the newest checkpoint"),
    "log/key": Cost("constant", 0, "the public key, from its file"),
    "log/keys": Cost("few rows", 3, "earlier keys, one a rotation"),
    "log/time/<int:size>": Cost("few rows", 3, "the time token of one tree"),
    "log/verify.html": Cost("constant", 0, "one file"),
    "log/<path:tile>": Cost("few rows", 4, "one tile of 256 hashes"),
    "v1/": Cost("constant", 0, "nothing is there"),
    "v1/docs": Cost("kept", 0, "the document as a page"),
    "v1/openapi.json": Cost("kept", 0, "the document"),
    "v1/client-config": Cost("constant", 0, "three settings"),
}
"""By route."""

CALLS: Final[dict[str, Cost]] = {
    "GET /v1/client-config": PAGES["v1/client-config"],
    "POST /v1/ingest/auth0-logs": Cost("proof first", 0, "the value that the stream was given"),
    "POST /v1/ingest/defenseclaw/{instance}": Cost("proof first", 0, "the instance's ingest token"),
    "POST /v1/outposts/enrol": Cost("few rows", 4, "a proof by the device's key, then its code"),
    "GET /v1/outposts/commands": Cost("proof first", 2, "a proof by the key of an enrolled device"),
    "GET /v1/outposts/commands/{id}/decision": Cost(
        "proof first", 2, "a proof by the key of an enrolled device"
    ),
    "POST /v1/outposts/reports": Cost("proof first", 2, "a proof by the key of an enrolled device"),
}
"""Calls of the API that take no access token, by method and path."""
