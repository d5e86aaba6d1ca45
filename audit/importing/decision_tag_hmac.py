"""The tag of one try at a gateway: how a DefenseClaw row shows that it repeats a decision of ours.

`<operation>.<attempt>.<mac>`, where the MAC is HMAC-SHA256, cut to 128 bits, over the operation,
the action under which the gateway logs the call, the target, the instance and the attempt. Its key
is made from EVIDENCE_KEY, so nobody without it composes a tag. A tag is no secret once it was sent:
all who may read a gateway's lists may copy it. So it says only that a row has the content of a try
of ours, never who wrote the row.

It has only small letters, digits, dots and dashes: HEAD refuses any other DEFENSECLAW_RUN_ID, the
one place that its command line copies into the row of an act without a reason. Tags that were sent
before have the MAC in base64url.
"""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Final

from django.conf import settings

from audit.evidence import subject_keys
from audit.ledger.format.canonical import canonical

_LABEL: Final = b"ata.decision-tag.v1"
_TEXT: Final = (
    r"(?<![\w.-])([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})"
    r"\.(\d{1,5}-[0-9a-f]{8})\.([0-9a-f]{32}|[A-Za-z0-9_-]{22})(?![\w-])"
)
_FORM: Final = re.compile(_TEXT)
_WRITTEN: Final = re.compile(rf" ?\[ATA {_TEXT}\] ?")


@dataclass(frozen=True, slots=True)
class Content:
    """What a try asks of a gateway: `action` is the name under which the gateway logs it."""

    action: str
    kind: str
    name: str
    instance: str


@dataclass(frozen=True, slots=True)
class Tag:
    """A text in the form of a tag; only `verifies` says whether this portal made it."""

    operation: str
    attempt: str
    mac: str

    def __str__(self) -> str:
        return f"{self.operation}.{self.attempt}.{self.mac}"

    def verifies(self, content: Content) -> bool:
        """Whether this portal made the tag for exactly this content."""
        keys = [settings.EVIDENCE_KEY]
        previous: bytes = settings.EVIDENCE_KEY_PREVIOUS
        if len(previous) == 32 and not subject_keys.is_retired(previous):
            keys.append(previous)
        made = (_mac(key, self.operation, self.attempt, content) for key in keys)
        return any(
            hmac.compare_digest(self.mac, form) for mac in made for form in (mac.hex(), _old(mac))
        )


def mint(operation: str, attempt: int, content: Content) -> str:
    """The tag of one try; two tries never have the same one."""
    this = f"{min(attempt, 99_999)}-{secrets.token_hex(4)}"
    return str(Tag(operation, this, _mac(settings.EVIDENCE_KEY, operation, this, content).hex()))


def find(text: str) -> list[Tag]:
    """The different tags that a text has, in their order."""
    return list(dict.fromkeys(Tag(*found.groups()) for found in _FORM.finditer(text)))


def without(text: str) -> str:
    """A reason without the tag that was sent in it."""
    return _WRITTEN.sub("", text).strip()


def _mac(secret: bytes, operation: str, attempt: str, content: Content) -> bytes:
    key = hmac.digest(secret, _LABEL, "sha256")
    said = [operation, content.action, content.kind, content.name, content.instance, attempt]
    return hmac.digest(key, canonical(said), "sha256")[:16]


def _old(mac: bytes) -> str:
    return urlsafe_b64encode(mac).decode().rstrip("=")
