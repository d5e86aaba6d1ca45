"""Commands of the portal: their form, whose they are, and the signature of the pinned hold key."""

from __future__ import annotations

import re
import unicodedata
from base64 import b64decode, urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ata import clock
from audit.ledger.format.canonical import EntryError, canonical

SCHEMA: Final = "ata.outpost.command.v1"
RESTRICTING: Final = ("hold", "block")
RELAXING: Final = ("release", "unblock", "allow")
WITH_FILES: Final = ("skill", "plugin")
"""Kinds that have a folder on disk, and a runtime disable."""
_KINDS: Final = (*WITH_FILES, "mcp", "tool")
_STRENGTHS: Final = {True: ("", "disable", "quarantine"), False: ("", "block")}
_MOST_TEXT: Final = 1000
_MOST_NAME: Final = 255
_INVISIBLE: Final = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


class CommandRefused(Exception):
    """A command that is not carried out; `code` is for programs, `detail` a sentence."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


type TargetKey = tuple[str, str]
"""Kind and name."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command; `n` rises with each one of an outpost, `id` is the portal's remote step."""

    id: str
    outpost: str
    instance: str
    n: int
    issued_at: str
    act: str
    kind: str
    name: str
    strength: str
    reason: str
    tag: str
    intent_hash: str
    operation: str
    approval: str
    tags: Mapping[str, str]

    @property
    def all_tags(self) -> tuple[str, ...]:
        """By which its rows and entries are known."""
        return (self.tag, *self.tags.values())

    def tag_of(self, action: str) -> str:
        """The tag of the audit row that a call writes under this action."""
        return self.tags.get(action, self.tag)

    @property
    def target(self) -> TargetKey:
        """What it is about."""
        return self.kind, self.name

    @property
    def use(self) -> tuple[str, ...]:
        """What of a decision this is, which no other command is: a hold that stays where another
        ends has the operation of that end, and the intent of its request."""
        return self.operation, self.act, *self.target, self.intent_hash

    @property
    def is_restricting(self) -> bool:
        """Whether the signature alone is enough."""
        return self.act in RESTRICTING


_FIELDS: Final = tuple(one.name for one in fields(Command))
_TEXTS: Final = tuple(one for one in _FIELDS if one not in ("n", "tags"))
ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
_MOST_AHEAD_S: Final = 24 * 3600
"""So far a number or time may be ahead of this host's clock."""
_TAG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def signed(envelope: Mapping[str, Any], hold_key: str) -> dict[str, Any]:
    """The command of an envelope, once the hold key has signed it; its fields are not checked.

    Raises:
        CommandRefused: `not_a_command`, `signature_refused`.
    """
    command, signature = envelope.get("command"), envelope.get("signature")
    if not isinstance(command, dict) or not isinstance(signature, str):
        raise CommandRefused("not_a_command", "It has no command or no signature.")
    try:
        key = Ed25519PublicKey.from_public_bytes(unb64url(hold_key))
        key.verify(unb64url(signature), f"{SCHEMA}\n".encode() + canonical(command))
    except (InvalidSignature, ValueError, EntryError):
        detail = "The pinned key of the portal did not sign it."
        raise CommandRefused("signature_refused", detail) from None
    return command


def parse(document: Mapping[str, Any], outpost: str, instance: str) -> Command:
    """Read a signed command that is for this outpost and gateway.

    Raises:
        CommandRefused: `not_a_command`, `other_outpost`, `name_refused`.
    """
    if document.get("schema") != SCHEMA or document.keys() != {"schema", *_FIELDS}:
        raise CommandRefused("not_a_command", "This version of ata does not know its form.")
    if not _has_form(document):
        raise CommandRefused("not_a_command", "One of its fields has another form.")
    command = Command(**{one: document[one] for one in _FIELDS})
    if (command.outpost, command.instance) != (outpost, instance):
        raise CommandRefused("other_outpost", "It is for another outpost or gateway.")
    known = command.act in (*RESTRICTING, *RELAXING) and command.kind in _KINDS
    if not known or command.strength not in _STRENGTHS[command.kind in WITH_FILES]:
        raise CommandRefused("not_a_command", "This version of ata does not know what it asks for.")
    check_name(command.kind, command.name)
    return command


def check_name(kind: str, name: str) -> None:
    """Refuse a name that a command line or a reader could take for something else.

    Raises:
        CommandRefused: `name_refused`.
    """
    if not name or len(name) > _MOST_NAME:
        problem = f"is empty or longer than {_MOST_NAME} characters"
    elif name.startswith("-"):
        problem = "starts with a hyphen, as an option does"
    elif any(unicodedata.category(one) in _INVISIBLE for one in name):
        problem = "has characters that cannot be seen"
    elif unicodedata.normalize("NFC", name) != name or name != name.strip():
        problem = "reads the same as a name that is spelled differently"
    elif kind in WITH_FILES and (set(name) & {"/", "\\"} or name in {".", ".."}):
        # DefenseClaw would take the last part of a path, which is another component.
        problem = "is a path"
    else:
        return
    raise CommandRefused("name_refused", f"Its name {problem}.")


def unb64url(text: str) -> bytes:
    """Read unpadded base64url.

    Raises:
        ValueError: it is none.
    """
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def unb64(text: object) -> bytes:
    """Read base64 with padding, as files of proofs have it.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(text, str):
        raise ValueError("it is no text")
    try:
        return b64decode(text, validate=True)
    except Base64Error as error:
        raise ValueError(str(error)) from error


def may_be_issued(n: object) -> bool:
    """Whether a command may have this number: the portal counts on from its clock's milliseconds.

    After one of far ahead no other command would be newer.
    """
    latest = (clock.now() + _MOST_AHEAD_S) * 1000
    return isinstance(n, int) and not isinstance(n, bool) and 0 < n < latest


def _has_form(document: Mapping[str, Any]) -> bool:
    texts, tags = [document[one] for one in _TEXTS], document["tags"]
    if not isinstance(tags, dict) or not all(map(_is_text, [*texts, *tags.values()])):
        return False
    tagged = all(map(_TAG.fullmatch, [document["tag"], *tags.values()]))
    issued_at = _TIME.fullmatch(document["issued_at"]) and clock.parse_time(document["issued_at"])
    timely = bool(issued_at and issued_at < clock.now() + _MOST_AHEAD_S)
    return tagged and timely and may_be_issued(document["n"]) and bool(ID.fullmatch(document["id"]))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _MOST_TEXT
