"""The signed manifest of an export, checked against keys, signed tree, file and its own words."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Any, Final

from audit.ledger import checkpoint as checkpoints
from audit.ledger import note
from audit.ledger.format.canonical import EntryError, canonical, parsed
from audit.ledger.note import NoteError, VerifierKey
from audit.ledger.offline.proof_check import Step, led_on
from audit.ledger.query import EventQuery
from audit.ledger.trust_policy import Policy

SCHEMA: Final = "ata.export.v1"
INVENTORY: Final = "ata.inventory.v1"
"""Of a list of connected accounts, which `connection_export_manifest_check` checks."""
COVERAGE: Final = "ata.coverage-file.v1"
"""Of a coverage report, which `coverage_report_check` checks."""
SCHEMAS: Final = (SCHEMA, INVENTORY, COVERAGE)


class ManifestError(ValueError):
    """What was given is no manifest of an export."""


def statement(manifest: Mapping[str, Any]) -> str:
    """What the log's key signs: the digest of the manifest under this format's own first line."""
    unsigned = {key: value for key, value in manifest.items() if key != "signed"}
    schema = manifest.get("schema")
    first = schema if schema in SCHEMAS else SCHEMA
    return f"{first}\n{hashlib.sha256(canonical(unsigned)).hexdigest()}\n"


def sign(manifest: Mapping[str, Any], origin: str, seed: bytes) -> dict[str, Any]:
    """The manifest with the signature of the log's Ed25519 key.

    Args:
        manifest: not signed.
        origin: name of the log.
        seed: 32 bytes.
    """
    return {**manifest, "signed": note.sign(statement(manifest), origin, seed)}


def read_manifest(text: bytes) -> dict[str, Any]:
    """A manifest, which proves nothing before `check`.

    Raises:
        ManifestError: it is none.
    """
    try:
        manifest = parsed(text)
    except (ValueError, RecursionError):
        manifest = None
    if not isinstance(manifest, dict) or manifest.get("schema") not in SCHEMAS:
        raise ManifestError(f"it is no manifest of {' or '.join(SCHEMAS)}")
    return manifest


def words_of(query: EventQuery, person: str = "", iss: str = "") -> str:
    """Which events an export has, in one sentence without a full stop.

    Args:
        query: without errors.
        person: subject of the only person whose events it has; "" is everybody's.
        iss: their issuer.
    """
    words = query.in_words()
    if not person:
        return words
    return f"Only events of {person}{f' at {iss}' if iss else ''}: {words[:1].lower()}{words[1:]}"


def check_words(manifest: Mapping[str, Any]) -> tuple[str, Step]:
    """What the file has by the manifest's own parameters, and whether its words say so."""
    name = "The words of the manifest are those of its filter"
    try:
        query = query_of(manifest)
    except ManifestError as error:
        return "", Step(name, False, f"The filter cannot be read: {error}.")
    person, iss = (
        value_at(manifest, "only_events_of"),
        value_at(manifest, "exporter", "iss", default=""),
    )
    if not isinstance(iss, str) or not isinstance(person, str | None) or person == "":
        return "", Step(name, False, "It does not say whose events the file has.")
    words, bar = words_of(query, person or "", iss), query.to_bar()
    claimed = (value_at(manifest, "filter", "words"), value_at(manifest, "filter", "bar"))
    if claimed == (words, bar):
        return words, Step(name, True, f"{words}.")
    other = claimed[0] if claimed[0] != words else claimed[1]
    return words, Step(name, False, f"It says “{other}”, and by its parameters it is: {words}.")


def query_of(manifest: Mapping[str, Any]) -> EventQuery:
    """The filter by its parameters.

    Raises:
        ManifestError: they are none.
    """
    params = value_at(manifest, "filter", "params", default={})
    if not isinstance(params, Mapping) or not all(map(_is_text, params.values())):
        raise ManifestError("a parameter is a text or a list of texts")
    query = EventQuery.from_params(params)
    if query.errors:
        raise ManifestError(query.errors[0].message)
    return query


def _is_text(value: object) -> bool:
    texts = value if isinstance(value, list) else [value]
    return all(isinstance(text, str) for text in texts)


def followed(manifest: Mapping[str, Any], trust: Policy) -> tuple[Policy, list[Step]]:
    """The verifier's policy with the keys to which its own lead, by what came in the manifest.

    A log that changed its name brings what its former keys signed
    (`audit.ledger.key_transitions.key_statements_in_exports`).
    """
    signed = str(manifest.get("signed", ""))
    return led_on(manifest, lambda: signer_of(manifest), signed, trust)


def signer_of(manifest: Mapping[str, Any]) -> str:
    """The name under which the log signed it; empty where it cannot be read."""
    try:
        return note.parse(str(manifest.get("signed", ""))).signatures[0].name
    except (NoteError, IndexError):
        return ""


def signed_by(manifest: Mapping[str, Any], vkeys: list[str | VerifierKey]) -> Step:
    """Whether a log key that the verifier trusts signed this very manifest."""
    name = "A log you trust signed the manifest"
    try:
        signed = note.parse(str(manifest.get("signed", "")))
        if signed.text != statement(manifest):
            return Step(name, False, "The signature is over another manifest.")
        (who, *_) = note.verify(signed, vkeys)
    except (NoteError, EntryError, ValueError) as error:
        return Step(name, False, f"{error}.")
    return Step(name, True, f"{who} signed it.")


def check_tree(
    manifest: Mapping[str, Any], vkeys: list[str | VerifierKey], required: Collection[int]
) -> Step:
    """Whether a trusted log key signed the tree, and the range of the manifest ends with it."""
    name = "A log you trust signed the tree"
    try:
        signed = str(value_at(manifest, "tree", "checkpoint", default=""))
        head = checkpoints.verify(signed, vkeys, required)
    except NoteError as error:
        return Step(name, False, f"{error}.")
    if head.size != value_at(manifest, "range", "end_index"):
        return Step(name, False, "The manifest speaks of another range than the signed tree.")
    return Step(name, True, f"{head.origin} signed a tree of {head.size} entries.")


def same_file(manifest: Mapping[str, Any], file: bytes) -> Step:
    """Whether the file has the digest that its manifest says."""
    name = "The file is the one in the manifest"
    said = value_at(manifest, "file", "sha256")
    if hashlib.sha256(file).hexdigest() != said:
        return Step(name, False, f"Its SHA-256 is not {said}.")
    return Step(name, True, f"{len(file)} bytes, SHA-256 {str(said)[:16]}….")


def value_at(value: Any, *path: str, default: Any = None) -> Any:
    """The value at a path of keys; `default` where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return default if value is None else value


def root_of(manifest: Mapping[str, Any]) -> bytes:
    """The root of the tree that the manifest names, 32 bytes; `check_tree` verified it."""
    text = note.parse(str(value_at(manifest, "tree", "checkpoint"))).text
    return checkpoints.parse(text).root
