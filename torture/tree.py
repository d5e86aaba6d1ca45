"""The Merkle tree hash of RFC 6962 §2.1 once more, in a few separate lines.

The judge must not find a tree right because the code that signed it says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping


def roots(entries: Iterable[bytes], sizes: Iterable[int]) -> dict[int, bytes]:
    """The root over the first n entries, for each n of `sizes` that there are entries for."""
    wanted = set(sizes)
    found: dict[int, bytes] = {}
    if 0 in wanted:
        found[0] = hashlib.sha256().digest()
    peaks: list[tuple[int, bytes]] = []  # perfect subtrees from left to right: leaves, hash
    for count, entry in enumerate(entries, start=1):
        peak = (1, hashlib.sha256(b"\0" + entry).digest())
        while peaks and peaks[-1][0] == peak[0]:
            width, left = peaks.pop()
            peak = (2 * width, _node(left, peak[1]))
        peaks.append(peak)
        if count in wanted:
            root = peaks[-1][1]
            for _, left in reversed(peaks[:-1]):
                root = _node(left, root)
            found[count] = root
    return found


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def forks(entries: Iterable[bytes], heads: Mapping[int, bytes]) -> list[str]:
    """In words, every head that the entries do not have."""
    own = roots(entries, heads)
    return [
        f"a checkpoint of {size} entries was served that the log of today does not extend"
        for size, root in sorted(heads.items())
        if own.get(size) != root
    ]
