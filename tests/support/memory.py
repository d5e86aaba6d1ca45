"""What a running process holds in its memory, as somebody with its `/proc/PID/mem` sees it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

WIPED: Final = {
    "PYTHONMALLOC": "debug",
    "MALLOC_PERTURB_": "165",
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0",
}
"""Environment in which a process overwrites what it frees: what is found then is still held."""

_STEP: Final = 2**20


def words_in(pid: int, words: Collection[str]) -> set[str]:
    """Those of some words that stand in the private, writable memory of a process."""
    found: set[str] = set()
    longest = max(map(len, words))
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for first, end in _writable(pid):
            before = b""
            for place in range(first, end, _STEP):
                try:
                    memory.seek(place)
                    piece = before + memory.read(min(_STEP, end - place))
                except OSError:  # a guard page, or gone since
                    break
                found.update(word for word in words if word.encode() in piece)
                before = piece[-longest:]
    return found


def _writable(pid: int) -> list[tuple[int, int]]:
    stretches = []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        place, modes, *_ = line.split()
        if modes.startswith("rw-p"):
            first, _, end = place.partition("-")
            stretches.append((int(first, 16), int(end, 16)))
    return stretches
