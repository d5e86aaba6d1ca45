"""The fields of an entry: their names, types and closed sets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from audit.ledger.format.allowed_field_values import OUTCOMES, SEVERITIES, SOURCES, VIAS
from audit.ledger.format.canonical import EntryError
from audit.ledger.format.commitment import MARK

PLAIN_TEXT: Final = (
    "instance",
    "connection",
    "agent",
    "skill",
    "approval",
    "operation",
    "session",
    "request",
    "intent_hash",
)
CLOSED: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "outcome": ("success", OUTCOMES),
    "severity": ("INFO", SEVERITIES),
    "source": ("portal", SOURCES),
    "via": ("web", VIAS),
}
_PEOPLE: Final = {"actor", "on_behalf_of", "target"}
_FREE: Final = {"reason", "changes", "data", "private", "evidence"}
INPUT: Final = {"time", "recorded_at", "action", *_PEOPLE, *_FREE, *PLAIN_TEXT, *CLOSED}
DOCUMENT: Final = INPUT | {"schema", "id", "salt"}
PERSON: Final = frozenset(("iss", "sub", "name", "email"))
TARGET: Final = frozenset(("kind", "name", "instance"))
_MEMBERS: Final = {"actor": PERSON | {"roles"}, "on_behalf_of": PERSON, "target": TARGET}

_ACTION: Final = re.compile(r"[a-z][a-z0-9_]*(?:\.[A-Za-z0-9_:-]+)+")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_HEX128: Final = re.compile(r"[0-9a-f]{32}")
_KEY: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,100}")
_COMMITMENT: Final = re.compile(r"[A-Za-z0-9+/]{43}=")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that stand in clear, except those that `entry` assembles itself.

    Raises:
        EntryError: with the pointer of the field at fault.
    """
    if not fields.keys() <= INPUT:
        raise EntryError("is not a field of an entry", f"/{min(fields.keys() - INPUT)}")
    document: dict[str, Any] = {}
    for name in PLAIN_TEXT:
        document[name] = text(fields, name)
    for name, (default, allowed) in CLOSED.items():
        value = fields.get(name, default)
        if value not in allowed:
            raise EntryError(f"{value!r} is not one of {', '.join(allowed)}", f"/{name}")
        document[name] = str(value)
    document["time"] = format_time(fields.get("time"), "/time")
    document["recorded_at"] = format_time(fields.get("recorded_at"), "/recorded_at")
    document["action"] = _action(fields.get("action"))
    if document["intent_hash"] and not _HASH.fullmatch(document["intent_hash"]):
        raise EntryError("is not the hex of a SHA-256", "/intent_hash")
    evidence = fields.get("evidence")
    document["evidence"] = [_evidence(e, n) for n, e in enumerate(evidence)] if evidence else []
    return document


def text(fields: Mapping[str, Any], name: str, under: str = "") -> str:
    """Return a text field; absent and None are "".

    Raises:
        EntryError: it is not a string.
    """
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise EntryError(f"is a {type(value).__name__}, not a string", f"{under}/{name}")
    return value


def mapping(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a person or target; absent and None are {}.

    Raises:
        EntryError: it is not an object, or has unknown members.
    """
    value = fields.get(name)
    if value is None:
        return {}
    allowed = _MEMBERS[name]
    if not isinstance(value, Mapping):
        raise EntryError(f"is a {type(value).__name__}, not an object", f"/{name}")
    if not value.keys() <= allowed:
        raise EntryError("is not a member", f"/{name}/{min(value.keys() - allowed)}")
    return value


def roles(actor: Mapping[str, Any]) -> list[str]:
    """Return the actor's roles, sorted, each once.

    Raises:
        EntryError: they are not strings.
    """
    value = actor.get("roles") or ()
    if not value:
        return []
    if isinstance(value, str) or not all(isinstance(role, str) for role in value):
        raise EntryError("is not a list of strings", "/actor/roles")
    return sorted(set(value))


def data(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plain `data` object.

    Raises:
        EntryError: not an object, or it shares a key with `private`.
    """
    value = fields.get("data") or {}
    if not isinstance(value, dict):
        raise EntryError(f"is a {type(value).__name__}, not an object", "/data")
    if value and (shared := value.keys() & (fields.get("private") or {}).keys()):
        raise EntryError("is in `private` too", f"/data/{min(shared)}")
    return value


def private(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `private` object, whose values are committed to.

    Raises:
        EntryError: not an object, or a key outside A–Z a–z 0–9 _ . : / - (1 to 100 characters).
    """
    value = fields.get("private") or {}
    if not isinstance(value, dict):
        raise EntryError(f"is a {type(value).__name__}, not an object", "/private")
    for key in value:
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise EntryError(f"has the key {key!r}: use 1 to 100 of A-Z a-z 0-9 _.:/-", "/private")
    return value


def format_time(value: Any, pointer: str) -> str:
    """Return RFC 3339 UTC with microseconds and Z.

    Raises:
        EntryError: absent, naive, or text of another form.
    """
    if isinstance(value, datetime):
        if value.tzinfo is UTC:
            return value.isoformat(timespec="microseconds")[:-6] + "Z"
        if value.tzinfo is None:
            raise EntryError("is a time without a time zone", pointer)
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    if isinstance(value, str) and _is_time(value):
        return value
    raise EntryError("is not an aware datetime or RFC 3339 UTC text with microseconds", pointer)


@lru_cache(maxsize=64)
def _is_time(value: str) -> bool:
    if not _TIME.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def uuid(value: UUID | str) -> str:
    """Return the lower-case text of a UUID.

    Raises:
        EntryError: it is none.
    """
    written = str(value)
    if type(value) is not UUID and not _UUID.fullmatch(written):
        raise EntryError(f"{written!r} is not a UUID in lower case", "/id")
    return written


def _action(value: Any) -> str:
    if not isinstance(value, str) or not _ACTION.fullmatch(value):
        raise EntryError(f"{value!r} is not an action such as skill.blocked", "/action")
    return value


def _evidence(item: Any, position: int) -> dict[str, str]:
    pointer = f"/evidence/{position}"
    if not isinstance(item, Mapping) or item.keys() != {"kind", "digest"}:
        raise EntryError("is not {kind, digest}", pointer)
    kind = text(item, "kind", pointer)
    digest = text(item, "digest", pointer)
    if not kind or not _HASH.fullmatch(digest):
        raise EntryError("needs a kind and the hex SHA-256 of the evidence", pointer)
    return {"kind": kind, "digest": digest}


def check_document(document: dict[str, Any]) -> None:
    """Check the shape of a parsed entry.

    Raises:
        EntryError: with the pointer of the field at fault.
    """
    if difference := document.keys() ^ DOCUMENT:
        raise EntryError("is missing or unknown", f"/{min(difference)}")
    opened = dict(document)
    for name in ("schema", "id", "salt", "reason", "changes"):
        del opened[name]
    uuid(document["id"])
    if not isinstance(document["salt"], str) or not _HEX128.fullmatch(document["salt"]):
        raise EntryError("is not 32 hex digits", "/salt")
    _check_members(document)
    again = plain(opened)
    for name, value in again.items():
        if document[name] != value:
            raise EntryError("is not written as this schema writes it", f"/{name}")
    for pointer, sealed in _commitments(document):
        _check_commitment(sealed, pointer)


def _check_members(document: dict[str, Any]) -> None:
    for name, members, optional in (
        ("actor", PERSON | {"roles"}, False),
        ("on_behalf_of", PERSON, True),
        ("target", TARGET, True),
    ):
        value = document[name]
        if value is None and optional:
            continue
        if not isinstance(value, dict) or value.keys() != members:
            raise EntryError(f"does not have the members {', '.join(sorted(members))}", f"/{name}")
    if document["actor"]["roles"] != roles(document["actor"]):
        raise EntryError("is not sorted", "/actor/roles")
    for name in ("data", "private"):
        if not isinstance(document[name], dict):
            raise EntryError("is not an object", f"/{name}")
    data(document)
    private(document)


def _commitments(document: dict[str, Any]) -> list[tuple[str, Any]]:
    found = [("/reason", document["reason"]), ("/changes", document["changes"])]
    for person in ("actor", "on_behalf_of"):
        if document[person] is not None:
            text(document[person], "iss", f"/{person}")
            found += [(f"/{person}/{k}", document[person][k]) for k in ("sub", "name", "email")]
    if document["target"] is not None:
        text(document["target"], "kind", "/target")
        text(document["target"], "instance", "/target")
        found.append(("/target/name", document["target"]["name"]))
    found += [(f"/private/{key}", value) for key, value in document["private"].items()]
    return found


def _check_commitment(sealed: Any, pointer: str) -> None:
    if sealed is None:
        return
    value = sealed.get(MARK) if isinstance(sealed, dict) and len(sealed) == 1 else None
    if not isinstance(value, str) or not _COMMITMENT.fullmatch(value):
        raise EntryError("is neither null nor a commitment", pointer)
