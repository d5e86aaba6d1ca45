"""One exchange with a witness: `add-checkpoint` of C2SP tlog-witness, from the log's side."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from audit.ledger import cosignature, note, tiles
from audit.ledger.checkpoint import parse_size
from audit.ledger.cosignature import Cosignature
from audit.ledger.note import NoteError
from audit.models import Checkpoint
from audit.sequencing.stored_tree_queries import read_tile
from audit.witnesses.configuration import Target
from http_client.address_guard import Guard
from http_client.client import HttpClient
from http_client.errors import HttpClientError
from http_client.timeouts_and_retries import Retries, Timeouts

_PATIENCE = Timeouts(connect=1.5, read=3.0, write=3.0, total=4.0)
_LONGEST_ANSWER = 65_536
_MOST_WORDS = 160
_SAYS_SIZE = "text/x.tlog.size"


class Verdict(StrEnum):
    """What a witness said to a checkpoint."""

    COSIGNED = "cosigned"
    BEHIND = "behind"  # 409: it knows the log at another size
    CONFLICT = "conflict"  # 422: what it saw is not a part of this tree
    REFUSED = "refused"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Said:
    """A witness's answer.

    Attributes:
        lines: signature lines that verify, without newline, with who signed.
        size: for `BEHIND`, the size that the witness knows.
        detail: a sentence for people.
    """

    verdict: Verdict
    detail: str = ""
    lines: tuple[tuple[str, Cosignature], ...] = ()
    size: int = 0


@lru_cache(maxsize=32)
def _http(url: str) -> HttpClient:
    return HttpClient(
        guard=Guard.only(url),
        timeouts=_PATIENCE,
        retries=Retries(attempts=1),
        max_bytes=_LONGEST_ANSWER,
    )


def request_body(checkpoint: Checkpoint, old_size: int) -> bytes:
    """The body of `add-checkpoint`, with the proof that the tree extends its first `old_size`."""
    proof = (
        tiles.consistency_proof(read_tile, old_size, checkpoint.size)
        if 0 < old_size < checkpoint.size
        else []
    )
    lines = "".join(f"{b64encode(one).decode()}\n" for one in proof)
    return f"old {old_size}\n{lines}\n{checkpoint.note}".encode()


def submit(target: Target, checkpoint: Checkpoint, body: bytes) -> Said:
    """Send one request; asks the database nothing, and never raises for an answer.

    Args:
        target: whom to ask.
        checkpoint: the one in `body`, signed by this log.
        body: as `request_body` made it.
    """
    try:
        answer = _http(target.url).request(
            "POST",
            f"{target.url}/add-checkpoint",
            operation="witness.add_checkpoint",
            headers={"Content-Type": "text/plain; charset=utf-8"},
            content=body,
        )
    except HttpClientError as error:
        return Said(Verdict.AWAY, f"It could not be reached: {error.reason}.")
    if answer.status == 200:
        return _cosigned(target, checkpoint, answer.body)
    if answer.status == 409 and answer.headers.get("content-type", "").startswith(_SAYS_SIZE):
        return _behind(answer.body)
    return _refused(answer.status, answer.body)


def _cosigned(target: Target, checkpoint: Checkpoint, body: bytes) -> Said:
    found = []
    try:
        for line in body.decode().splitlines():
            text = note.parse(checkpoint.note).text
            signed = note.Note(text, (note.parse_signature(line),))
            found += [(line, one) for one in cosignature.verify(signed, target.keys)]
    except (NoteError, UnicodeDecodeError) as error:
        return Said(Verdict.REFUSED, f"It answered what is no valid cosignature: {error}.")
    if not found:
        return Said(Verdict.REFUSED, "It signed with a key that the policy does not name.")
    return Said(Verdict.COSIGNED, lines=tuple(found))


def _behind(body: bytes) -> Said:
    try:
        return Said(Verdict.BEHIND, size=parse_size(body.decode().strip()))
    except (NoteError, UnicodeDecodeError):
        return Said(Verdict.REFUSED, "It named a size that is no number.")


def _refused(status: int, body: bytes) -> Said:
    if status == 422:
        words = "What it cosigned before is not a part of this tree."
        return Said(Verdict.CONFLICT, f"{words} {_words_of(body)}".strip())
    known = {
        400: "It could not read the checkpoint (400).",
        403: "It does not accept the signature of this log's key (403).",
        404: "It does not witness this log (404); ask its operator to add the key of the log.",
        409: "It answered a conflict without a size (409).",
    }
    if status >= 500 or status == 429:
        return Said(Verdict.AWAY, f"It answered {status}.")
    return Said(Verdict.REFUSED, known.get(status, f"It answered {status}."))


def _words_of(body: bytes) -> str:
    """What a witness says itself, such as which entry changed; unchecked, so cut short."""
    line = body.decode(errors="replace").strip().partition("\n")[0]
    said = "".join(one for one in line if one.isprintable())[:_MOST_WORDS]
    return f"It says: {said}" if said else ""
