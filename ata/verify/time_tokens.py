"""Time tokens that a verifier brings to `ata verify` (RFC 3161)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ata.errors import usage_error
from ata.verify.evidence_file_grouping import read_file

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


@dataclass(frozen=True, slots=True)
class Timed:
    """What a token came to: the time when it held, and a sentence."""

    ok: bool
    detail: str
    moment: datetime | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A token and the certificates that the verifier trusts, as they were read."""

    response: bytes
    roots: bytes

    def judge(self, proof_text: bytes) -> Timed:
        """Whether a trusted authority stamped the checkpoint of this proof."""
        from audit.ledger import inclusion_proof_file
        from audit.ledger.merkle import ProofError

        try:
            signed = inclusion_proof_file.parse(proof_text).checkpoint
        except ProofError as error:
            return Timed(False, f"{error}.")
        return self.judge_checkpoint(signed.encode())

    def judge_checkpoint(self, signed: bytes) -> Timed:
        """Whether a trusted authority stamped this checkpoint."""
        from audit.ledger import time_tokens
        from audit.ledger.time_tokens import TimestampError

        try:
            text = signed.decode()
            moment = time_tokens.verify(self.response, text, time_tokens.read_roots(self.roots))
        except UnicodeDecodeError:
            return Timed(False, "The checkpoint is not UTF-8.")
        except TimestampError as error:
            return Timed(False, f"{error}.")
        return Timed(True, f"By {moment:%Y-%m-%d %H:%M:%S} UTC.", moment)


def read_authorities(roots: Path | None) -> Sequence[Certificate]:
    """The certificates of a file; none where no file was given.

    Raises:
        AtaError: usage, when it holds none.
    """
    if roots is None:
        return ()
    from audit.ledger.time_tokens import TimestampError
    from audit.ledger.time_tokens import read_roots as read

    try:
        return read(read_file(roots))
    except TimestampError as error:
        raise usage_error(f"{roots} cannot be used: {error}.") from error


def read_token(token: Path | None, roots: Path | None) -> Token | None:
    """The files, when both were given.

    Raises:
        AtaError: usage, when only one was given or one cannot be read.
    """
    if token is None and roots is None:
        return None
    if token is None or roots is None:
        raise usage_error(
            "--time-token and --tsa-ca go together.",
            "Take the token from /log/time/SIZE and the certificate from the authority itself.",
        )
    return Token(read_file(token), read_file(roots))
