"""What somebody can read in an entry: all of it but its commitments.

Those are random letters, among which any word of three stands once in some hundred entries.
"""

from __future__ import annotations

import re

_COMMITMENT = re.compile(r'"\$commit":"[A-Za-z0-9+/]{43}="')


def legible(entry: bytes) -> str:
    """The text of an entry without what its commitments are."""
    return _COMMITMENT.sub('"$commit":""', entry.decode())
