"""Entries, schema `ata.event.v1`: the exact bytes that become a leaf of the log.

Plain fields stand in clear. Personal values (who, whose, target name, reason, changes, `private`)
are replaced by salted commitments; their openings are returned with the entry and can be erased
later without touching the log.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import orjson

from audit.ledger.format import fields as shape
from audit.ledger.format.canonical import EntryError, canonical, encode, pointer_of, scan
from audit.ledger.format.commitment import MARK, SALT_SIZE, Opening, check, commit, subject_key
from audit.ledger.tiles import MAX_ENTRY_BYTES

__all__ = [
    "SCHEMA",
    "Built",
    "EntryError",
    "Opening",
    "build",
    "owner_of",
    "parse",
    "reveal",
]

SCHEMA: Final = "ata.event.v1"
ERASED: Final = {"erased": True}
_PATHS: Final = {
    at: tuple((key, f"{at}.{key}") for key in ("sub", "name", "email"))
    for at in ("actor", "on_behalf_of")
}
"""Personal values of each person of an entry, with the paths that they are committed under."""

type SaltSource = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Built:
    """An entry and what opens its commitments.

    Attributes:
        entry: the exact bytes of the leaf.
        openings: the committed values with their salts.
        document: what `parse(entry)` returns.
    """

    entry: bytes
    openings: tuple[Opening, ...]
    document: dict[str, Any] = field(repr=False, compare=False)


class _Sealer:
    """Turns personal values into commitments and remembers the openings."""

    __slots__ = ("_salts", "_subjects", "openings")

    def __init__(self, salts: SaltSource, subjects: Mapping[str, str]) -> None:
        self._salts = salts
        self._subjects = subjects
        self.openings: list[Opening] = []

    def seal(self, path: str, value: Any, subject: str) -> dict[str, str] | None:
        """Return the commitment; null for nothing (None, "", {}, [])."""
        if not value and (value is None or value == "" or value == {} or value == []):
            return None
        salt = self._salts(SALT_SIZE)
        if self._subjects:
            subject = self._subjects.get(path, subject)
        try:
            sealed = commit(path, salt, value)
        except EntryError as error:
            message = str(error).partition(": ")[2]
            raise EntryError(message, "/" + path.replace(".", "/", 1) + error.pointer) from error
        self.openings.append(Opening(path, subject, salt, value))
        return {MARK: sealed}


def build(
    fields: Mapping[str, Any],
    *,
    id: UUID | str,
    salt_source: SaltSource = os.urandom,
    subjects: Mapping[str, str] | None = None,
) -> Built:
    """Build one entry.

    Args:
        fields: `time` and `recorded_at` (aware datetimes, or RFC 3339 UTC text with microseconds),
            `action`, and any of outcome, severity, source, instance, via, actor {iss, sub, name,
            email, roles}, on_behalf_of {iss, sub, name, email}, target {kind, name, instance},
            connection, agent, skill, approval, operation, session, request, intent_hash, reason,
            changes, data, private, evidence [{kind, digest}].
        id: the event's UUID.
        salt_source: returns that many random bytes.
        subjects: `subject_key` per path where the default is wrong. By default, values of
            `on_behalf_of` and of a private value with `iss` and `sub` belong to that person, all
            others to the actor.

    Raises:
        EntryError: naming the pointer of a field that is missing, unknown, of the wrong type or
            outside its closed set; `data` that shares a key with `private`; an entry over 65,535
            bytes (the bound of a C2SP entry bundle).
    """
    document = shape.plain(fields)
    sealer = _Sealer(salt_source, subjects or {})
    actor = shape.mapping(fields, "actor")
    owner = subject_key(shape.text(actor, "iss", "/actor"), shape.text(actor, "sub", "/actor"))
    document["schema"] = SCHEMA
    document["id"] = shape.uuid(id)
    document["salt"] = salt_source(SALT_SIZE).hex()
    document["actor"] = _person(sealer, "actor", actor)
    document["actor"]["roles"] = shape.roles(actor)
    principal = shape.mapping(fields, "on_behalf_of")
    document["on_behalf_of"] = _person(sealer, "on_behalf_of", principal) if principal else None
    document["target"] = _target(sealer, shape.mapping(fields, "target"), owner)
    document["reason"] = sealer.seal("reason", shape.text(fields, "reason"), owner)
    document["changes"] = sealer.seal("changes", fields.get("changes"), owner)
    data, private = shape.data(fields), shape.private(fields)
    document["data"] = data
    document["private"] = {
        key: sealer.seal(f"private.{key}", value, owner_of(value, owner))
        for key, value in private.items()
    }
    # Every other field is text or of our own making, so only `data` can need the slow encoder.
    entry = encode(document, simple=scan(data, (None, "data")))
    if len(entry) > MAX_ENTRY_BYTES:
        raise EntryError(
            f"makes an entry of {len(entry):,} bytes; {MAX_ENTRY_BYTES:,} fit. Put large values "
            "into `private` or into the evidence store",
            "/data",
        )
    return Built(entry, tuple(sealer.openings), document)


def _person(sealer: _Sealer, at: str, person: Mapping[str, Any]) -> dict[str, Any]:
    under = f"/{at}"
    iss = shape.text(person, "iss", under)
    owner = subject_key(iss, shape.text(person, "sub", under))
    written: dict[str, Any] = {"iss": iss}
    for key, path in _PATHS[at]:
        value = shape.text(person, key, under)
        written[key] = sealer.seal(path, value, owner) if value else None
    return written


def _target(sealer: _Sealer, target: Mapping[str, Any], owner: str) -> dict[str, Any] | None:
    if not target:
        return None
    return {
        "kind": shape.text(target, "kind", "/target"),
        "instance": shape.text(target, "instance", "/target"),
        "name": sealer.seal("target.name", shape.text(target, "name", "/target"), owner),
    }


def owner_of(value: Any, actor: str) -> str:
    """The person (`subject_key`) that a private value is filed under: itself, else the actor."""
    if isinstance(value, dict) and value.get("sub") and isinstance(value.get("iss"), str):
        return subject_key(value["iss"], str(value["sub"]))
    return actor


def parse(entry: bytes) -> dict[str, Any]:
    """Read an entry, accepting only canonical bytes of schema v1.

    Raises:
        EntryError: not UTF-8 JSON, not in canonical form, another schema, or fields missing,
            unknown or of another shape.
    """
    try:
        document = orjson.loads(entry)
    except ValueError:
        document = _read_leniently(bytes(entry))
    if not isinstance(document, dict):
        raise EntryError("is not a JSON object")
    if document.get("schema") != SCHEMA:
        raise EntryError(f"is {document.get('schema')!r}, not {SCHEMA}", "/schema")
    # Re-encoding also refuses duplicate keys, which reading silently merges.
    if canonical(document) != bytes(entry):
        raise EntryError("is not in canonical form (RFC 8785)")
    shape.check_document(document)
    return document


def _read_leniently(entry: bytes) -> Any:
    """What Python's reader takes as well, NaN and lone surrogates: `canonical` says where."""
    try:
        return json.loads(entry)
    except (ValueError, RecursionError) as error:
        raise EntryError(f"is not JSON ({error})") from error


def reveal(
    entry: bytes | dict[str, Any],
    openings: Iterable[Opening],
    *,
    index: int | None = None,
    human: str | None = None,
    log: str | None = None,
) -> dict[str, Any]:
    """Return the public event JSON: personal values opened, erased ones as `{"erased": true}`.

    Args:
        entry: exact bytes (checked by `parse`) or what `parse` returned.
        openings: those that still exist.
        index: position in the log; None before sequencing.
        human: H0 to H3, when known.
        log: L0 to L3, when known.

    Raises:
        EntryError: an opening does not match its commitment, or belongs to no field.
    """
    document = entry if isinstance(entry, dict) else parse(entry)
    event = _public(document, openings)
    return event | {"index": index, "human": human, "log": log}


def _check(sealed: dict[str, str], opening: Opening) -> None:
    if not check(sealed[MARK], opening):
        raise EntryError("the opening does not match the commitment", _pointer(opening.path))


def _public(document: dict[str, Any], openings: Iterable[Opening]) -> dict[str, Any]:
    unopened = {opening.path: opening for opening in openings}

    def opened(path: str, sealed: dict[str, str] | None, empty: Any = "") -> Any:
        if sealed is None:
            return empty
        opening = unopened.pop(path, None)
        if opening is None:
            return dict(ERASED)
        _check(sealed, opening)
        return opening.value

    event = {key: value for key, value in document.items() if key not in ("salt", "private")}
    for person in ("actor", "on_behalf_of"):
        if (plain := document[person]) is not None:
            names = {key: opened(f"{person}.{key}", plain[key]) for key in ("sub", "name", "email")}
            event[person] = plain | names
    if (target := document["target"]) is not None:
        event["target"] = target | {"name": opened("target.name", target["name"])}
    event["reason"] = opened("reason", document["reason"])
    event["changes"] = opened("changes", document["changes"], None)
    event["data"] = document["data"] | {
        key: opened(f"private.{key}", sealed, None) for key, sealed in document["private"].items()
    }
    if unopened:
        stray = next(iter(unopened))
        raise EntryError("an opening was given for a field without a commitment", _pointer(stray))
    return event


def _pointer(path: str) -> str:
    head, _, rest = path.partition(".")
    return pointer_of(((None, head), rest) if rest else (None, head))
