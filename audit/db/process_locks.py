"""Locks that make one process the sequencer, the client of witnesses, that of the authority, the
one that verifies, the one that erases, the one that thins old checkpoints, the one that makes an
audit file, and the one that has a tampered copy."""

from __future__ import annotations

import fcntl
import hashlib
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

from django.db import connection

from audit.keys import log_identity

_KEYS: Final = {
    "sequencer": 0x6174612E6C6F67,  # "ata.log"
    "witnesses": 0x6174612E776974,  # "ata.wit"
    "rounds": 0x6174612E726E64,  # "ata.rnd"
    "stamping": 0x6174612E747361,  # "ata.tsa"
    "erasing": 0x6174612E657261,  # "ata.era"
    "thinning": 0x6174612E74686E,  # "ata.thn"
    "audit_file": 0x6174612E617564,  # "ata.aud"
    "tampering": 0x6174612E746D70,  # "ata.tmp"
}
"""Key of the session's lock by what one process does at a time: `sequencer` extends and signs the
tree, `witnesses` and `stamping` speak with others, `rounds` verifies continuously."""


def alone(what: str) -> AbstractContextManager[bool]:
    """Yield True while this process alone does `what`, a key of `_KEYS`; False if another does."""
    return held(log_identity.folder() / f"{what}.lock", _KEYS[what])


@contextmanager
def held(path: Path, key: int) -> Iterator[bool]:
    """Yield True while this process alone holds a lock, False if another does.

    SQLite lives on one host, so a lock file next to it is enough; on PostgreSQL the lock is held by
    the database session and ends with it.
    """
    with _file_lock(path) if connection.vendor == "sqlite" else _session_lock(key) as held:
        yield held


class Busy(RuntimeError):
    """Another process held a lock for as long as we waited."""


@contextmanager
def wait_for(what: str, wait_s: float) -> Iterator[None]:
    """Hold the lock of `alone`, waiting up to `wait_s` for it.

    Raises:
        Busy: another process held it all the time.
    """
    until = time.monotonic() + wait_s
    while True:
        with alone(what) as held:
            if held:
                yield
                return
        if time.monotonic() >= until:
            raise Busy(f"another process held the {what} lock for {wait_s:g} s")
        time.sleep(0.02)


def one_at_a_time(name: str) -> None:
    """Wait until no other transaction does what `name` says, and be the one until this one ends.

    SQLite lets one transaction write at a time, and they begin as writing ones.
    """
    if connection.vendor == "postgresql":
        digest = hashlib.sha256(f"ata.one\0{name}".encode()).digest()
        with connection.cursor() as cursor:
            key = int.from_bytes(digest[:8], "big", signed=True)
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


@contextmanager
def _file_lock(path: Path) -> Iterator[bool]:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True  # closing the file releases it, also when the process dies


@contextmanager
def _session_lock(key: int) -> Iterator[bool]:
    """Yield True while this session of PostgreSQL alone holds the advisory lock `key`.

    Code that closes Django's connection within the block gives its session back to the pool, with
    the lock: that session is ended then, whichever thread has it now.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s), pg_backend_pid()", [key])
        held, session = cursor.fetchone()
    of_session: Any = connection.connection
    try:
        yield held
    finally:
        if held and not of_session.closed:  # a broken session has released it
            with connection.cursor() as cursor:
                if connection.connection is of_session:
                    cursor.execute("SELECT pg_advisory_unlock(%s)", [key])
                else:
                    cursor.execute(_END_SESSION, [session, key >> 32 & _HALF, key & _HALF])


_HALF = 0xFFFFFFFF
_END_SESSION = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' AND pid = %s
AND classid = %s::bigint::oid AND objid = %s::bigint::oid AND objsubid = 1
"""
