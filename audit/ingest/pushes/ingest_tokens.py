"""Tokens by which gateways push: who sends, and for how long a replaced token stays good.

Each `[[instance]]` names its token in `ingest_token_file`. A gateway whose token is refused sends
nothing for five minutes (HEAD), so a replaced token stays good for a day. What was in force is
remembered as a keyed digest in VAR_DIR, never the token: a file that cannot be read for a moment,
such as one that is being replaced, refuses nobody. An instance that names no token file any more
has no token, at once, and what was in force of it is forgotten.
"""

from __future__ import annotations

import hmac
import json
import logging
import re
import threading
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from audit import clock
from audit.db.durable_files import write_durably
from audit.importing import gateway_registry_and_seal_keys

log = logging.getLogger(__name__)

GOOD_FOR: Final = timedelta(hours=24)
"""So long a token is accepted after it was replaced."""

_SHORTEST: Final = 8  # characters; a shorter token could be guessed
_MOST_BYTES: Final = 4096
_INSTANCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_LABEL: Final = b"ata.ingest-token.v1"

type Stamp = tuple[int, int, int]  # inode, time and size


@dataclass(frozen=True, slots=True)
class Known:
    """The token of one gateway, and the one before it with the time it was replaced."""

    digest: str
    previous: str = ""
    replaced_at: datetime | None = None

    def accepts(self, digest: str, now: datetime) -> bool:
        """Whether a token of that digest is in force, or was until less than a day ago."""
        if hmac.compare_digest(digest, self.digest):
            return True
        if self.replaced_at is None or now - self.replaced_at >= GOOD_FOR:
            return False
        return hmac.compare_digest(digest, self.previous)


def sender(token: str) -> str:
    """The gateway that has this token; empty when none has."""
    if len(token) < _SHORTEST:
        return ""
    digest, now = _digest(token), clock.now()
    found = [name for name, known in look().items() if known.accepts(digest, now)]
    if len(found) > 1:
        log.error("%s have the same ingest token: pushes with it are refused", ", ".join(found))
    return found[0] if len(found) == 1 else ""


def look() -> dict[str, Known]:
    """The tokens of all registered gateways; notices those that were replaced."""
    found = {}
    for name, path in _token_files().items():
        known = _look_at(name, path)
        if known is not None:
            found[name] = known
    return found


_lock = threading.Lock()
_files: dict[Path, tuple[Stamp, dict[str, Path]]] = {}
"""The token files that an instances file names, as it was when it looked like this."""
_seen: dict[tuple[Path, str], tuple[Stamp, Known]] = {}
"""What a token file held when it looked like this, by VAR_DIR and gateway."""


def _token_files() -> dict[str, Path]:
    found: dict[str, Path] = {}
    files = gateway_registry_and_seal_keys.registries()
    current = bool(files)
    for configured in files:
        named, is_current = _named_in(configured)
        current &= is_current
        for name, path in named.items():
            found.setdefault(name, path)
    if current:
        _forget_others(found)
    return found


def _forget_others(named: Mapping[str, Path]) -> None:
    """Forget the tokens of instances that name no token file any more."""
    for name in _remembered().keys() - named.keys():
        with _lock:
            _seen.pop((settings.VAR_DIR, name), None)
            _place(name).unlink(missing_ok=True)
        log.warning("%s has no ingest_token_file any more: its tokens are forgotten", name)


def _named_in(configured: Path) -> tuple[dict[str, Path], bool]:
    """As the file says now, or as it said last where it cannot be read; and which of both."""
    stamp = _stamp(configured)
    with _lock:
        seen = _files.get(configured)
        if seen is not None and stamp in (seen[0], None):
            return seen[1], stamp is not None
        try:
            blocks = tomllib.loads(configured.read_text()).get("instance", [])
        except (OSError, ValueError):
            return (seen[1] if seen is not None else _remembered()), False
        named = {
            block["name"]: configured.parent / block["ingest_token_file"]
            for block in blocks
            if _names_a_token(block)
        }
        if stamp is not None:
            _files[configured] = (stamp, named)
        return named, True


def _names_a_token(block: Any) -> bool:
    if not isinstance(block, dict) or not isinstance(block.get("ingest_token_file"), str):
        return False
    name = block.get("name")
    return isinstance(name, str) and _INSTANCE.fullmatch(name) is not None


def _remembered() -> dict[str, Path]:
    """The gateways whose token was in force before this process began."""
    held = (settings.VAR_DIR / "ingest-tokens").glob("*.json")
    return {path.stem: path.with_suffix(".unknown") for path in held}


def _look_at(name: str, path: Path) -> Known | None:
    key = (settings.VAR_DIR, name)
    stamp = _stamp(path)
    with _lock:
        seen = _seen.get(key)
        if seen is not None and stamp in (seen[0], None):
            return seen[1]
        known = _compared(name, _token_in(path))
        if known is not None and stamp is not None:
            _seen[key] = (stamp, known)
        return known


def _compared(name: str, token: str) -> Known | None:
    """What is in force, remembered where it is another token than before."""
    before = _stored(name)
    if not token:
        return before
    digest = _digest(token)
    if before is not None and hmac.compare_digest(before.digest, digest):
        return before
    known = Known(digest, before.digest, clock.now()) if before else Known(digest)
    try:
        write_durably(_place(name), _written(known))
    except OSError as error:
        log.error("the ingest token of %s could not be remembered: %s", name, error.strerror)
    if before is not None:
        log.info("ingest token of %s replaced; the one before is good for 24 h", name)
    return known


def _stamp(path: Path) -> Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _token_in(path: Path) -> str:
    try:
        with path.open("rb") as opened:
            token = opened.read(_MOST_BYTES).decode().strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return token if len(token) >= _SHORTEST else ""


def _place(name: str) -> Path:
    path: Path = settings.VAR_DIR / "ingest-tokens" / f"{name}.json"
    return path


def _stored(name: str) -> Known | None:
    try:
        held = json.loads(_place(name).read_text())
        at = held.get("replaced_at", "")
        return Known(
            str(held["digest"]),
            str(held.get("previous", "")),
            datetime.fromisoformat(at) if at else None,
        )
    except (OSError, ValueError, KeyError, AttributeError):
        return None


def _written(known: Known) -> bytes:
    at = known.replaced_at.isoformat() if known.replaced_at else ""
    return json.dumps(
        {"digest": known.digest, "previous": known.previous, "replaced_at": at}
    ).encode()


def _digest(token: str) -> str:
    """A digest that nobody without EVIDENCE_KEY can compare a guess with."""
    key = hmac.digest(settings.EVIDENCE_KEY, _LABEL, "sha256")
    return hmac.digest(key, token.encode("utf-8", "surrogateescape"), "sha256").hex()
