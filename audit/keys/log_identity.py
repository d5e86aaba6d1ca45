"""Who the log is: its origin, its signing key, and where both are kept.

The origin is minted once and kept in `VAR_DIR/ledger/origin`; the Ed25519 seed is generated once
into `VAR_DIR/ledger/key` (or `LEDGER_KEY_FILE`), base64, mode 0600, the ML-DSA-44 seed next to it
in `VAR_DIR/ledger/key.ml-dsa-44`. Changing one silently would start a second history, so a
mismatch refuses and says how to go back. Which key signs when is in `audit.keys.keyring`.
"""

from __future__ import annotations

import json
import secrets
from base64 import b64decode, b64encode
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from audit.db.durable_files import write_durably
from audit.ledger import note
from audit.ledger.note import NoteError


class LedgerIdentityError(Exception):
    """Origin or key is not the one this log began with; the message says how to go back."""


def folder() -> Path:
    """`VAR_DIR/ledger`."""
    path: Path = settings.VAR_DIR / "ledger"
    return path


def origin() -> str:
    """The log's origin, minted at the first call.

    Raises:
        LedgerIdentityError: LEDGER_ORIGIN is not a key name, or differs from the kept origin; or
            the kept origin is gone although something was signed.
    """
    kept_at, wanted = folder() / "origin", settings.LEDGER_ORIGIN
    if not kept_at.exists():
        if not wanted:
            _refuse_if_begun(kept_at)
        minted = wanted or _mint()
        try:
            note.check_name(minted)
        except NoteError as error:
            raise LedgerIdentityError(f"LEDGER_ORIGIN {minted!r} cannot be used: {error}") from None
        write_durably(kept_at, f"{minted}\n".encode(), replace=False)
    kept = kept_at.read_text().strip()
    if wanted and wanted != kept:
        names = _names_on_file()
        if wanted in names and kept in names:
            raise LedgerIdentityError(
                f"LEDGER_ORIGIN still names {wanted}, and this log goes on as {kept}: "
                f"set LEDGER_ORIGIN={kept}, or unset it"
            )
        raise LedgerIdentityError(
            f"LEDGER_ORIGIN is {wanted!r} but this log began as {kept!r}. Set LEDGER_ORIGIN={kept} "
            f"to go back; a new origin is a new log and needs an empty database and no {kept_at}"
        )
    return kept


def kept_origin() -> str:
    """The origin as it is on file, whatever LEDGER_ORIGIN says; empty before it is minted."""
    try:
        return (folder() / "origin").read_text().strip()
    except FileNotFoundError:
        return ""


def _names_on_file() -> set[str]:
    """Names that the history of the keys tells of."""
    try:
        listed = json.loads((folder() / "keys.json").read_text())["keys"]
        return {str(one["vkey"]).partition("+")[0] for one in listed}
    except (OSError, ValueError, TypeError, KeyError):
        return set()


def _refuse_if_begun(path: Path) -> None:
    """A log that has signed has a name and a key; another one would start a second history."""
    if (folder() / "last-signed").exists():
        raise LedgerIdentityError(
            f"{path} is missing, and this log has signed before: restore the file it began with"
        )


def _mint() -> str:
    host = urlsplit(settings.PORTAL_URL).hostname or "localhost"
    return f"{host}/ata/{secrets.token_hex(4)}"


def key_file() -> Path:
    """Where the seed is: LEDGER_KEY_FILE, else `VAR_DIR/ledger/key`."""
    return settings.LEDGER_KEY_FILE or folder() / "key"


def seed() -> bytes:
    """The Ed25519 seed (32 bytes), generated at the first call.

    Raises:
        LedgerIdentityError: the file is not a seed, cannot be read, or is gone although something
            was signed.
    """
    path = key_file()
    if not path.exists():
        _refuse_if_begun(path)
        generate(path)
    return read_seed(path)


def mldsa_file() -> Path:
    """Where the ML-DSA-44 seed is."""
    return folder() / "key.ml-dsa-44"


def successions() -> list[tuple[Path, Path]]:
    """Where each seed is, with where the one that follows it waits while both sign."""
    waiting = folder() / "next-key"
    return [(key_file(), waiting), (mldsa_file(), waiting.with_suffix(".ml-dsa-44"))]


def mldsa_seed(*, make: bool = False) -> bytes:
    """The ML-DSA-44 seed (32 bytes), generated if it is not there and `make` is set.

    Raises:
        LedgerIdentityError: the file is not a seed, cannot be read, or is not there.
    """
    if make and not mldsa_file().exists():
        generate(mldsa_file())
    return read_seed(mldsa_file())


def generate(path: Path) -> None:
    """Write a fresh seed, unless the file is there.

    Raises:
        LedgerIdentityError: it cannot be written.
    """
    try:
        write_durably(path, b64encode(secrets.token_bytes(32)) + b"\n", replace=False)
    except OSError as error:
        raise LedgerIdentityError(f"cannot write the log key {path}: {error}") from None


def read_seed(path: Path) -> bytes:
    """A 32-byte seed from a file.

    Raises:
        LedgerIdentityError: it is not one, or cannot be read.
    """
    try:
        value = b64decode(path.read_text().strip(), validate=True)
    except (OSError, ValueError) as error:
        raise LedgerIdentityError(f"cannot read the log key {path}: {error}") from None
    if len(value) != 32:
        raise LedgerIdentityError(
            f"{path} holds {len(value)} bytes, not the base64 of a 32-byte seed; "
            "restore the key that this log began with"
        )
    return value


def vkey() -> str:
    """The verifier key (C2SP signed-note) under which others check our checkpoints."""
    return note.vkey(origin(), note.public_key(seed()))
