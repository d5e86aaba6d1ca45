"""Taking secrets out of text that is about to be logged, shown or raised."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

HIDDEN: Final = "[redacted]"

SECRET_NAMES: Final = frozenset(
    {
        "access_token",
        "actor_token",
        "assertion",
        "auth_req_id",
        "auth_session",
        "authorization",
        "client_assertion",
        "client_secret",
        "code",
        "code_verifier",
        "connect_code",
        "cookie",
        "device_code",
        "dpop",
        "id_token",
        "id_token_hint",
        "logout_token",
        "password",
        "proxy-authorization",
        "refresh_token",
        "set-cookie",
        "subject_token",
        "ticket",
        "token",
        "x-api-key",
        "x-defenseclaw-token",
    }
)

_SHORTEST_LITERAL: Final = 4
_names = "|".join(sorted(map(re.escape, SECRET_NAMES), key=len, reverse=True))
# One attempt for each run of [\w-], at its first `eyJ`: time linear in the text.
_JWT: Final = re.compile(r"(?<![\w-])((?>[\w-]*?(?=eyJ)))[\w-]{7,}+\.[\w-]+(?:\.[\w-]*){0,3}")
_SCHEME: Final = re.compile(r"\b(Bearer|DPoP|Basic|Splunk)\s+[^\s,;\"']+", re.IGNORECASE)
_PAIR: Final = re.compile(
    rf"(?P<name>\b(?:{_names})\b[\"']?\s*[=:]\s*)(?P<quote>[\"']?)(?P<value>[^\s&\"',;)}}\]]+)",
    re.IGNORECASE,
)


def redact_text(text: str, secrets: Iterable[str] = ()) -> str:
    """``text`` without tokens, authorization values, ``name=value`` secrets or ``secrets``."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_LITERAL:
            text = text.replace(secret, HIDDEN)
    text = _JWT.sub(rf"\1{HIDDEN}", text)
    text = _SCHEME.sub(rf"\1 {HIDDEN}", text)
    return _PAIR.sub(rf"\g<name>\g<quote>{HIDDEN}", text)


def secret_values(values: Mapping[str, str]) -> list[str]:
    """The values in ``values`` whose names say that they are secret."""
    return [value for name, value in values.items() if name.lower() in SECRET_NAMES]


def printable(text: str, limit: int = 300) -> str:
    """Somebody else's text, on one line, without control characters, at most ``limit`` long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
