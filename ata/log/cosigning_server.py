"""A witness (C2SP tlog-witness): cosigns a log's checkpoint only if it extends the last one.

One witness run by the log's own owner proves little; its worth comes from who else runs one.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from ata.clock import now
from ata.errors import AtaError, usage_error
from ata.log.durable_files import write_durably
from ata.log.follower import Following, LogLies, NotSeenYet
from ata.log.renamed_log_continuity_check import contradiction, first_of
from audit.ledger import checkpoint, cosignature, merkle, note
from audit.ledger.key_transitions.log_renames import Move
from audit.ledger.merkle import EMPTY_ROOT, ProofError
from audit.ledger.note import NoteError, VerifierKey

MAX_BODY: Final = 256 * 1024
MAX_PROOF: Final = 63
_TEXT: Final = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer of the witness."""

    status: int
    body: str
    content_type: str = _TEXT


@dataclass(frozen=True, slots=True)
class Submission:
    """A parsed `add-checkpoint` body."""

    old_size: int
    proof: tuple[bytes, ...]
    checkpoint: str

    @classmethod
    def parse(cls, body: bytes) -> Submission:
        """Read a request body.

        Raises:
            NoteError: saying what is malformed.
        """
        try:
            head, separator, signed = body.decode().partition("\n\n")
        except UnicodeDecodeError:
            raise NoteError("the request is not UTF-8") from None
        first, *lines = head.split("\n")
        if not separator or not first.startswith("old "):
            raise NoteError("the request needs `old <size>`, the proof, a blank line, a checkpoint")
        if len(lines) > MAX_PROOF:
            raise NoteError(f"a proof has at most {MAX_PROOF} hashes")
        proof = tuple(note.decode_base64(line, "a hash of the proof") for line in lines)
        return cls(checkpoint.parse_size(first.removeprefix("old ")), proof, signed)


class Witness:
    """Key, trusted logs and the last cosigned checkpoint of each, kept in `folder`.

    With `following` it cosigns no checkpoint of that log that it has not computed itself. A log
    that goes on under another name (`moves`) must not contradict what was cosigned as the old one.

    Raises:
        AtaError: `witness_running` when another process uses the folder, or `key_exposed`.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        logs: Sequence[VerifierKey],
        following: Following | None = None,
        moves: Sequence[Move] = (),
    ) -> None:
        self._folder, self._moves = folder, tuple(moves)
        self._logs = tuple(logs)
        self._following = following
        self._lock = threading.Lock()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._hold_folder()
        self.name, self._seed = self._load_key(name)

    def close(self) -> None:
        """Let another process use the folder."""
        os.close(self._held)

    @property
    def vkey(self) -> str:
        """The key that verifiers put into their policy."""
        return cosignature.vkey(self.name, note.public_key(self._seed))

    def add_checkpoint(self, body: bytes) -> Reply:
        """Answer one `add-checkpoint` request; checking and keeping happen as one."""
        try:
            asked = Submission.parse(body)
            head = checkpoint.parse(note.parse(asked.checkpoint).text)
        except NoteError as error:
            return Reply(400, f"{error}\n")
        keys = [key for key in self._logs if key.name == head.origin]
        if not keys:
            return Reply(404, "This log is not witnessed here.\n")
        try:
            checkpoint.verify(asked.checkpoint, keys)
        except NoteError as error:
            return Reply(403, f"{error}\n")
        if asked.old_size > head.size:
            return Reply(400, "The old size is above the size of the checkpoint.\n")
        with self._lock:
            return self._extend(asked, head)

    def latest(self, origin_digest: str) -> str | None:
        """The last cosigned checkpoint of the log with this hex SHA-256 of its origin."""
        known = {hashlib.sha256(key.name.encode()).hexdigest() for key in self._logs}
        path = self._folder / f"{origin_digest}.checkpoint"
        return path.read_text() if origin_digest in known and path.exists() else None

    def _extend(self, asked: Submission, head: checkpoint.Checkpoint) -> Reply:
        digest = hashlib.sha256(head.origin.encode()).hexdigest()
        kept = self.latest(digest)
        last = checkpoint.parse(note.parse(kept).text) if kept else None
        size, root = (last.size, last.root) if last else (0, EMPTY_ROOT)
        if asked.old_size != size:
            return Reply(409, f"{size}\n", "text/x.tlog.size")
        try:
            merkle.verify_consistency(size, root, head.size, head.root, asked.proof)
        except ProofError as error:
            return Reply(422, f"{error}\n")
        if last is None and (against := self._contradicted(head)):
            return Reply(422, f"{against}\n")
        if self._following is not None:
            try:
                self._following.confirm(head)
            except NotSeenYet as error:
                return Reply(503, f"{error}\n")
            except LogLies as lie:
                return Reply(422, f"{lie}\n")
        line = cosignature.sign(asked.checkpoint, self.name, self._seed, int(now()))
        write_durably(
            self._folder / f"{digest}.checkpoint", self._own_lines(asked.checkpoint) + line
        )
        return Reply(200, line)

    def _contradicted(self, head: checkpoint.Checkpoint) -> str:
        """How the name with which a log begins here contradicts what it was before."""
        move = first_of(self._moves, head)
        if move is None:
            return ""
        kept = self.latest(hashlib.sha256(move.old_origin.encode()).hexdigest())
        if kept is None:
            return ""
        seen = checkpoint.parse(note.parse(kept).text)
        return contradiction(move, seen.size, {seen.size: seen.root}.get)

    def _own_lines(self, signed: str) -> str:
        """The checkpoint without signatures of unknown keys, which nobody has checked."""
        parsed = note.parse(signed)
        trusted = {(key.name, key.key_id) for key in self._logs}
        kept = [one.line for one in parsed.signatures if (one.name, one.key_id) in trusted]
        return f"{parsed.text}\n{''.join(kept)}"

    def _hold_folder(self) -> None:
        # Held until the process ends: two witnesses with one memory could cosign two histories.
        self._held = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AtaError(
                f"Another witness uses {self._folder}.",
                code="witness_running",
                fix="Stop it, or name another folder with --folder.",
            ) from error

    def _load_key(self, name: str) -> tuple[str, bytes]:
        path = self._folder / "key.json"
        if not path.exists():
            if any(self._folder.glob("*.checkpoint")):
                raise AtaError(
                    f"{path} is missing, but this witness has cosigned before.",
                    code="key_missing",
                    fix="Restore it, or start a witness with a new name in a new folder.",
                )
            try:
                key = note.new_key(name)
            except NoteError as error:
                raise usage_error(f"A witness cannot be named {name!r}: {error}.") from error
            write_durably(path, json.dumps({"name": key.name, "seed": key.seed.hex()}))
        if path.stat().st_mode & 0o077:
            raise AtaError(
                f"{path} can be read by others.", code="key_exposed", fix=f"chmod 600 {path}"
            )
        kept = json.loads(path.read_text())
        return str(kept["name"]), bytes.fromhex(kept["seed"])


def serve(witness: Witness, host: str, port: int) -> ThreadingHTTPServer:
    """Listen for submissions and monitors; the caller runs `serve_forever`.

    Raises:
        AtaError: usage, when the address cannot be used.
    """

    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True  # headers and body leave in two parts (RFC 896)
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            digits = length.isascii() and length.isdigit() and len(length) < 10
            if not digits or int(length) > MAX_BODY:
                self.close_connection = True
                self._send(Reply(413, f"A request has at most {MAX_BODY:,} bytes.\n"))
                return
            body = self.rfile.read(int(length))
            known = self.path == "/add-checkpoint"
            self._send(witness.add_checkpoint(body) if known else Reply(404, "Not found.\n"))

        def do_GET(self) -> None:
            parts = self.path.strip("/").split("/")
            found = witness.latest(parts[0]) if parts[1:] == ["checkpoint"] else None
            self._send(Reply(200, found) if found else Reply(404, "Not found.\n"))

        def _send(self, reply: Reply) -> None:
            body = reply.body.encode()
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing; the checkpoints kept are the record."""

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise usage_error(f"{host}:{port} cannot be used: {error.strerror}.") from error
    server.daemon_threads = True
    return server
