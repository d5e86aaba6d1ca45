"""Keep credentials out of what a server writes, whichever way it happens to spell them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from urllib.parse import quote

REDACTED = "«redacted»".encode()
_SHORTEST = 8


class Redactor:
    """Replaces every credential that it was given by «redacted».

    Known spellings: as it is, as a JSON string with or without escaped slashes,
    percent-encoded, and base64 of the whole value. A server that splits or transforms its
    credential on purpose is not stopped by this; do not allow such a server.
    """

    def __init__(self) -> None:
        self._spellings: tuple[bytes, ...] = ()

    def learn(self, secrets: Iterable[str]) -> None:
        """Redact these from now on; earlier ones stay redacted.

        Values under 8 characters are no credentials and would tear up ordinary text.
        """
        found = set(self._spellings)
        for secret in secrets:
            if len(secret) >= _SHORTEST:
                found.update(_spellings(secret))
        self._spellings = tuple(sorted(found, key=len, reverse=True))

    def clean(self, line: bytes) -> bytes:
        """The line without credentials."""
        for spelling in self._spellings:
            line = line.replace(spelling, REDACTED)
        return line

    def finds(self, texts: Iterable[str]) -> bool:
        """Whether one of the texts has a credential in it."""
        return any(self.clean(raw) != raw for raw in (text.encode() for text in texts))


def _spellings(secret: str) -> set[bytes]:
    in_json = json.dumps(secret)[1:-1]
    padded = base64.b64encode(secret.encode()).decode()
    url_safe = padded.replace("+", "-").replace("/", "_")
    forms = {
        secret,
        in_json,
        in_json.replace("/", "\\/"),
        quote(secret, safe=""),
        padded,
        padded.rstrip("="),
        url_safe,
        url_safe.rstrip("="),
    }
    return {form.encode() for form in forms}
