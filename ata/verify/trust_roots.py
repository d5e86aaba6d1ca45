"""The trust roots that a verifier brings: log keys, witnesses, a quorum."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ata.errors import usage_error
from ata.verify.evidence_file_grouping import read_file

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from audit.ledger.key_transitions.log_renames import Trail
    from audit.ledger.note import VerifierKey
    from audit.ledger.packs.pack_check import Roots
    from audit.ledger.passkey_assertions import Passkey
    from audit.ledger.trust_policy import Policy


def read_trust(policy: Path | None, vkeys: Sequence[str], history: Path | None = None) -> Policy:
    """One policy from a C2SP tlog-policy file and further log keys (text, or files with it).

    A history of keys, as `/log/keys` serves it, adds keys for which a trusted one has signed, and
    what was signed about changes of the log's name.

    Raises:
        AtaError: usage, when something cannot be read or no log key is left.
    """
    from audit.ledger import note
    from audit.ledger.trust_policy import NONE, Policy, PolicyError, parse

    try:
        named = parse(read_file(policy).decode()) if policy else Policy((), {}, {}, NONE)
        keys = tuple(note.parse_vkey(text) for one in vkeys for text in _vkey_texts(one))
    except PolicyError as error:
        raise usage_error(f"The policy {policy} cannot be used: {error}.") from error
    except ValueError as error:
        raise usage_error(
            f"A trusted key cannot be read: {error}.", "It looks like NAME+HEX+BASE64."
        ) from error
    if not named.logs and not keys:
        raise usage_error(
            "There is no log key that you trust, so nothing can be proven.",
            "Give one with --policy or --vkey. GET /log/key on the portal shows its key; get it "
            "from someone you trust, because a key from the same server as the proof says "
            "nothing about who owns it.",
        )
    logs = (*named.logs, *keys)
    if history is None:
        return replace(named, logs=logs)
    found = follow_history(history, logs)
    return replace(named, logs=found.keys, moves=found.moves)


def follow_history(history: Path, logs: Sequence[VerifierKey]) -> Trail:
    """Where some log keys lead by a history of keys, as `/log/keys` serves it.

    Raises:
        AtaError: usage, when it cannot be read or a statement in it does not hold.
    """
    from audit.ledger.key_transitions import log_renames
    from audit.ledger.note import NoteError

    try:
        document = json.loads(read_file(history))
        statements = [str(one) for one in document["statements"]]
        return log_renames.trail(statements, logs)
    except (NoteError, ValueError, KeyError, TypeError) as error:
        raise usage_error(
            f"The history of keys {history} cannot be used: {error}.",
            "It looks like what GET /log/keys on the portal serves.",
        ) from error


def _vkey_texts(argument: str) -> list[str]:
    """The key itself, or those of a file, one a line, as `/log/key` serves them."""
    path = Path(argument)
    if "+" in argument and not _is_file(path):
        return [argument]
    return read_file(path).decode().split()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a key of ML-DSA-44 is longer than a name may be
        return False


def read_issuer_keys(path: Path | None) -> dict[str, object] | None:
    """Issuer -> JWKS; a bare JWKS is kept under "" and counts for the entry's own issuer.

    Raises:
        AtaError: usage, when the file is none.
    """
    if path is None:
        return None
    try:
        value = json.loads(read_file(path))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise usage_error(f"{path} is no key set.", "Save the issuer's jwks_uri to a file.")
    return {"": value} if isinstance(value.get("keys"), list) else value


def read_passkeys(path: Path | None) -> dict[str, Passkey]:
    """Passkeys by credential id; none where no file was given.

    Raises:
        AtaError: usage, when the file is none.
    """
    if path is None:
        return {}
    from audit.ledger.passkey_assertions import read_directory

    try:
        return read_directory(read_file(path))
    except ValueError as error:
        raise usage_error(
            f"{path} is no directory of passkeys: {error}.",
            "The portal's account page offers it; get it from the person who keeps the enrolments.",
        ) from error


def pack_roots(
    trust: Policy,
    keys: dict[str, object] | None,
    passkeys: dict[str, Passkey],
    authorities: Sequence[Certificate],
) -> Roots:
    """What an evidence pack is checked with."""
    from audit.ledger.packs.pack_check import Roots

    trusted = {name: value for name, value in (keys or {}).items() if isinstance(value, dict)}
    return Roots(trust, trusted, passkeys, authorities)
