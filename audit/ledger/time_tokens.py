"""Time tokens (RFC 3161) over checkpoints: somebody else's word that a tree existed by then.

What is stamped is the SHA-256 of a checkpoint's text (its three lines, newlines included), so a
token fits the checkpoint with whatever cosignatures came later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimeStampRequest,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from audit.ledger import note
from audit.ledger.note import NoteError


class TimestampError(ValueError):
    """A time token that proves nothing; the message says why."""


def text_of(signed_checkpoint: str) -> bytes:
    """The bytes that are stamped.

    Raises:
        TimestampError: it is no signed note.
    """
    try:
        return note.parse(signed_checkpoint).text.encode()
    except NoteError as error:
        raise TimestampError(f"the checkpoint cannot be read: {error}") from error


def request(signed_checkpoint: str) -> TimeStampRequest:
    """A request for a token, with a nonce and the wish for the signer's certificate.

    Raises:
        TimestampError: the checkpoint cannot be read.
    """
    builder = TimestampRequestBuilder().data(text_of(signed_checkpoint))
    return builder.hash_algorithm(HashAlgorithm.SHA256).build()


def read(response: bytes, signed_checkpoint: str, nonce: int | None = None) -> datetime:
    """The time that a response claims for this checkpoint; who signed it is not looked at.

    Args:
        response: DER of a TimeStampResp (RFC 3161 section 2.4.2).
        signed_checkpoint: the checkpoint that it should be about.
        nonce: of the request, where the caller made one.

    Raises:
        TimestampError: it is no granted token, of something else, or answers another request.
    """
    decoded = _decoded(response)
    imprint = decoded.tst_info.message_imprint.message
    if imprint != hashlib.sha256(text_of(signed_checkpoint)).digest():
        raise TimestampError("the time token is not about this checkpoint")
    if nonce is not None and decoded.tst_info.nonce != nonce:
        raise TimestampError("the time token answers another request")
    return _moment(decoded)


def verify(response: bytes, signed_checkpoint: str, roots: Iterable[x509.Certificate]) -> datetime:
    """The time by which an authority that the verifier trusts had seen this checkpoint.

    Args:
        response: DER of a TimeStampResp that holds the signer's certificate.
        signed_checkpoint: the checkpoint that it should be about.
        roots: certificates that the verifier brings, never ones that came with the token.

    Raises:
        TimestampError: malformed, of something else, or by nobody of the roots.
    """
    decoded = _decoded(response)
    builder = VerifierBuilder()
    trusted = list(roots)
    if not trusted:
        raise TimestampError("no time authority is trusted")
    for root in trusted:
        builder = builder.add_root_certificate(root)
    try:
        builder.build().verify_message(decoded, text_of(signed_checkpoint))
    except (VerificationError, ValueError) as error:
        raise TimestampError(f"the time token does not verify: {error}") from error
    return _moment(decoded)


def read_roots(pem: bytes) -> list[x509.Certificate]:
    """The certificates of a PEM file.

    Raises:
        TimestampError: there is none, or one cannot be read.
    """
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise TimestampError(f"it holds no certificate that can be read: {error}") from error


def _decoded(response: bytes) -> TimeStampResponse:
    try:
        decoded = decode_timestamp_response(response)
        if decoded.status != 0:
            raise TimestampError(f"the authority refused with status {decoded.status}")
        return decoded
    except ValueError as error:
        raise TimestampError(f"it is no time token: {error}") from error


def _moment(decoded: TimeStampResponse) -> datetime:
    try:
        return decoded.tst_info.gen_time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise TimestampError(f"the time of the token cannot be read: {error}") from error
