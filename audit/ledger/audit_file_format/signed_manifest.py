"""The manifest of an audit file: every member with its SHA-256, signed by the log's key.

`manifest.json` is RFC 8785; `manifest.note` is a C2SP signed note over `statement`. How the members
are packed (order, compression, a folder around them) is not part of the format.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from audit.ledger import note
from audit.ledger.format.canonical import EntryError, canonical, parsed
from audit.ledger.note import NoteError, VerifierKey

SCHEMA: Final = "ata.audit-file.v1"
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.note"
RANGE: Final = "log/range.ndjson"
LOG_KEY: Final = "keys/log.key"
ROLES: Final = "roles.json"
README: Final = "README.txt"
VERIFIER: Final = "verify.html"
MAX_MANIFEST_BYTES: Final = 8 * 1024 * 1024
MAX_SIGNATURE_BYTES: Final = 64 * 1024
MAX_MEMBERS: Final = 2_000
MAX_TABLES: Final = 100
MAX_FILTERS: Final = 16_384
"""Characters of all filters together; the longest framework has 3,000."""
MAX_EVIDENCE_BYTES: Final = 256 * 1024 * 1024
"""Of all evidence packs together; a pack of 300 events has about 2 MB."""

_NAME: Final = re.compile(
    r"README\.txt|verify\.html|roles\.json|keys/log\.key|log/range\.ndjson"
    r"|samples/[A-Za-z0-9._-]{1,60}\.json|evidence/items-[0-9]{3}\.zip"
    r"|policies/[0-9a-f]{64}\.json|reviews/[0-9a-f-]{36}\.ndjson"
)
_KEYS: Final = frozenset(
    {"schema", "origin", "framework", "period", "tree", "range", "seed", "sample_size", "tables"}
    | {"not_answered", "policies", "reviews", "packs", "withheld", "members", "build"}
)
_TABLE_KEYS: Final = frozenset(
    {"id", "kind", "title", "filter", "rows", "indices_sha256", "sample"}
)
_LISTS: Final = ("tables", "not_answered", "policies", "reviews", "packs", "withheld", "members")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000000Z", re.ASCII)


class ManifestError(ValueError):
    """It is no manifest of an audit file; the message says why."""


def shown_time(moment: str) -> str:
    """A time of the period as people read it: the day alone where it begins there, in UTC."""
    day, _, time = moment.partition("T")
    return day if time == "00:00:00.000000Z" else f"{day} {time[:8]} UTC"


def is_member(name: str) -> bool:
    """Whether an audit file has members of that name."""
    return _NAME.fullmatch(name) is not None


def statement(manifest: bytes) -> str:
    """What the log's key signs: the digest of the manifest under this format's own first line."""
    return f"{SCHEMA}\n{hashlib.sha256(manifest).hexdigest()}\n"


def write(about: Mapping[str, Any], members: Sequence[Mapping[str, Any]]) -> bytes:
    """The bytes of a manifest.

    Args:
        about: all but `schema` and `members`.
        members: `name`, `sha256` and `bytes` of each.
    """
    listed = sorted(members, key=lambda one: str(one["name"]))
    return canonical({"schema": SCHEMA, **about, "members": listed})


def sign(manifest: bytes, name: str, seed: bytes) -> bytes:
    """The signature member: `name` is the log's origin, `seed` that of its Ed25519 key."""
    return note.sign(statement(manifest), name, seed).encode()


def read(body: bytes) -> dict[str, Any]:
    """Read a manifest; the signature is not checked here.

    Raises:
        ManifestError: it is none, or names a member that no audit file has.
    """
    try:
        manifest = parsed(body)
        is_canonical = isinstance(manifest, dict) and canonical(manifest) == body
    except (EntryError, ValueError, RecursionError) as error:
        raise ManifestError(f"it cannot be read: {error}") from None
    if not is_canonical:
        raise ManifestError("it is not in canonical form (RFC 8785)")
    if manifest.get("schema") != SCHEMA:
        raise ManifestError(f"it is no manifest of schema {SCHEMA}")
    if not _has_the_form(manifest):
        raise ManifestError("its fields have another form")
    names = [one["name"] for one in manifest["members"]]
    if len(names) > MAX_MEMBERS or len(set(names)) != len(names):
        raise ManifestError("it names a member twice, or too many")
    if strange := [name for name in names if not is_member(name)]:
        raise ManifestError(f"no audit file has a member {strange[0]!r}")
    if missing := {RANGE, LOG_KEY, ROLES} - set(names):
        raise ManifestError(f"it does not name {min(missing)}")
    if wrong := _contradiction(manifest, set(names)):
        raise ManifestError(wrong)
    return dict(manifest)


def _contradiction(manifest: Mapping[str, Any], names: set[str]) -> str:
    """The first thing in a manifest that no audit file has, as a clause; "" for none."""
    tables, reviews = manifest["tables"], manifest["reviews"]
    named = {
        "samples/": [one["sample"] for one in tables if one["sample"]],
        "evidence/": manifest["packs"],
        "reviews/": [one["member"] for one in reviews],
    }
    there = {folder: {name for name in names if name.startswith(folder)} for folder in named}
    policies = {f"policies/{one['digest']}.json" for one in manifest["policies"]}
    wrong = {
        "its period ends before it begins": manifest["period"]["after"]
        >= manifest["period"]["before"],
        "it has no table": not tables,
        f"it has more than {MAX_TABLES} tables": len(tables) > MAX_TABLES,
        f"its filters have more than {MAX_FILTERS:,} characters": sum(
            len(one["filter"]) for one in tables
        )
        > MAX_FILTERS,
        f"its packs have more than {MAX_EVIDENCE_BYTES:,} bytes": evidence_bytes(
            manifest["members"]
        )
        > MAX_EVIDENCE_BYTES,
        "it has two tables of one id": _has_twice([one["id"] for one in tables]),
        "it names a review twice": _has_twice([one["index"] for one in reviews]),
        "it names a sample, a pack or a review twice": any(map(_has_twice, named.values())),
        "its samples, packs and reviews are not its members": any(
            set(named[folder]) != there[folder] for folder in named
        ),
        "it has a policy that it does not list": any(
            name.startswith("policies/") and name not in policies for name in names
        ),
    }
    return next((words for words, found in wrong.items() if found), "")


def evidence_bytes(members: Iterable[Mapping[str, Any]]) -> int:
    """Bytes of the evidence packs among the members, as a manifest lists them."""
    return sum(one["bytes"] for one in members if one["name"].startswith("evidence/"))


def _has_twice(found: Sequence[object]) -> bool:
    return len(set(found)) != len(found)


def check_signature(
    manifest: bytes, origin: str, signature: bytes, vkeys: Sequence[VerifierKey]
) -> None:
    """Check that one of these keys, named like the log, signed the manifest.

    Raises:
        NoteError: saying why not.
    """
    keys = [key for key in vkeys if key.name == origin and key.key_type == note.ED25519]
    if not keys:
        raise NoteError(f"no key that you trust is named like its log {origin!r}")
    found = note.parse(signature)
    note.verify(found, keys)
    if found.text != statement(manifest):
        raise NoteError("the signature is over another manifest")


def _has_the_form(manifest: Mapping[str, Any]) -> bool:
    try:
        parts = (
            set(manifest) >= _KEYS,
            all(isinstance(manifest[name], str) for name in ("origin", "seed", "build")),
            type(manifest["sample_size"]) is int,
            type(manifest["tree"]["size"]) is int,
            isinstance(manifest["tree"]["root"], str),
            all(isinstance(manifest[name], list) for name in _LISTS),
            all(_TIME.fullmatch(manifest["period"][name]) for name in ("after", "before")),
            all(type(manifest["range"][name]) is int for name in ("start", "end")),
            isinstance(manifest["range"]["complete"], bool),
            isinstance(manifest["framework"]["title"], str),
            all(map(_is_table, manifest["tables"])),
            all(isinstance(one["digest"], str) for one in manifest["policies"]),
            all(type(one["index"]) in (int, type(None)) for one in manifest["policies"]),
            all(isinstance(one["member"], str) for one in manifest["reviews"]),
            all(type(one["index"]) is int for one in manifest["reviews"]),
            all(isinstance(name, str) for name in manifest["packs"]),
            all(isinstance(text, str) for text in manifest["withheld"]),
            all(map(_is_listed, manifest["members"])),
        )
    except (KeyError, TypeError, AttributeError):
        return False
    return all(parts)


def _is_table(one: Mapping[str, Any]) -> bool:
    texts = all(isinstance(one[name], str) for name in ("id", "kind", "title", "filter", "sample"))
    return (
        set(one) == _TABLE_KEYS
        and texts
        and type(one["rows"]) is int
        and isinstance(one["indices_sha256"], str)
    )


def _is_listed(one: Mapping[str, Any]) -> bool:
    return (
        set(one) == {"name", "sha256", "bytes"}
        and isinstance(one["name"], str)
        and isinstance(one["sha256"], str)
        and type(one["bytes"]) is int
        and one["bytes"] >= 0
    )
