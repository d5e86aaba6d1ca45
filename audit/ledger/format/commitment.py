"""Salted commitments: an entry proves a personal value without containing it.

Commitment = SHA-256("ata.commit.v1\\n" ‖ path ‖ "\\n" ‖ salt ‖ JCS(value)), base64 in the entry as
`{"$commit": …}`. The value and its 128-bit salt (the *opening*) are kept outside the log; erasing
them leaves a hash that reveals nothing, even of a guessable value. The path is part of the hash so
that an opening cannot be moved to another field.
"""

from __future__ import annotations

import hashlib
from binascii import b2a_base64
from functools import lru_cache
from hmac import compare_digest
from typing import Any, Final, NamedTuple

from audit.ledger.format.canonical import EntryError, canonical

SALT_SIZE: Final = 16
MARK: Final = "$commit"

_PREFIX: Final = b"ata.commit.v1\n"


class Opening(NamedTuple):
    """What opens one commitment; a tuple, for every event makes several.

    Attributes:
        path: field of the entry, such as "actor.email" or "private.ip".
        subject: `subject_key` of the person the value belongs to; "" when no person is known.
        salt: 16 random bytes.
        value: any JSON value.
    """

    path: str
    subject: str
    salt: bytes
    value: Any


def commit(path: str, salt: bytes, value: Any) -> str:
    """Return the base64 commitment to `value` at `path`.

    Raises:
        EntryError: the salt is not 16 bytes, or the value has no canonical form (the pointer is
            relative to the value).
    """
    if len(salt) != SALT_SIZE:
        raise EntryError(f"the salt of {path} has {len(salt)} bytes instead of {SALT_SIZE}")
    body = _PREFIX + path.encode() + b"\n" + salt + canonical(value)
    return b2a_base64(hashlib.sha256(body).digest(), newline=False).decode()


def check(commitment: str, opening: Opening) -> bool:
    """Return whether the opening is the one the commitment was made from."""
    expected = commit(opening.path, opening.salt, opening.value)
    return compare_digest(expected.encode(), commitment.encode())


@lru_cache(maxsize=4096)
def subject_key(iss: str, sub: str) -> str:
    """Return the key that files a person's openings: hex SHA-256 of issuer and subject.

    Returns "" when there is no subject, because then no person is known.
    """
    if not sub:
        return ""
    return hashlib.sha256(f"ata.subject.v1\n{iss}\n{sub}".encode()).hexdigest()
