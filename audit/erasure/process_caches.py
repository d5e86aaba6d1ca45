"""What a process keeps of people in memory, and how an erasure reaches it in every process.

Caches of words, subject keys and evidence are of one process. An erasure leaves a mark on the disk
once the values are gone. Each process looks at the mark with every request and every few seconds;
where it changed, everything that was registered is forgotten, and again for a minute, because what
was under way then may have remembered what it had read. What was freed and not yet used again is
out of reach, as the certificate says.
"""

from __future__ import annotations

import gc
import os
import re
import secrets
import threading
import time
import urllib.parse
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from audit.db.durable_files import write_durably
from audit.erasure import idle_database_connections
from audit.keys import log_identity

UNDER_WAY_S: Final = 60.0
"""As long as a request that began before the values went may last."""
_EVERY_S: Final = 2.0

type Forget = Callable[[], object]

_caches: dict[str, Forget] = {
    "addresses that Python parsed": vars(urllib.parse)["clear_cache"],  # in no stub
    "patterns that Python compiled": re.purge,
    "connections to the database": idle_database_connections.close,
}
_seen: tuple[int, int] | None = None
_next, _last = 0.0, 0.0  # when to forget again, and until when (`time.monotonic`); 0: not at all
_watching = 0  # process id; a thread does not come along into a fork
_lock = threading.Lock()


def register(name: str, forget: Forget) -> None:
    """Have a cache emptied after each erasure; called at import, once for each name."""
    _caches[name] = forget


def forget() -> None:
    """Empty every cache of this process, and let go of what only its collector still holds."""
    for each in _caches.values():
        each()
    gc.collect()


def tell() -> None:
    """Have every process forget.

    Raises:
        OSError: the mark cannot be written.
    """
    write_durably(_path(), secrets.token_hex(16).encode())


def look(*_: Any, **__: Any) -> None:
    """Forget if an erasure ended lately; some microseconds where none did.

    A receiver of signals too, whatever they are sent with.
    """
    if _is_due():
        forget()


def watch(*_: Any, **__: Any) -> None:
    """Look, and go on looking every few seconds for as long as the process lives."""
    global _watching
    look()
    if _watching != os.getpid():
        _watching = os.getpid()
        threading.Thread(target=_go_on, name="remembered", daemon=True).start()


def _go_on() -> None:
    while True:
        time.sleep(_EVERY_S)
        look()


def _is_due() -> bool:
    """Whether to forget: at a new mark, every few seconds for a minute, and once after it."""
    global _seen, _next, _last
    found = _stat()
    if found == _seen and not _next:
        return False
    now = time.monotonic()
    with _lock:
        if found != _seen:
            _seen, _last = found, now + UNDER_WAY_S
        elif now < _next:
            return False
        _next = now + _EVERY_S if now < _last else 0.0
    return True


def _stat() -> tuple[int, int] | None:
    try:
        found = _place(settings.VAR_DIR).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


def _path() -> Path:
    return log_identity.folder() / "last-erased"


@lru_cache(1)
def _place(_var_dir: Path) -> Path:
    """The same, for a look with each request: joining a path takes longer than asking for it."""
    return _path()
