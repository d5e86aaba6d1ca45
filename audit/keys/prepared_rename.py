"""A change of the log's name that an earlier version prepared: one file, seeds included.

No log is renamed any more (ADR 36). The file (`VAR_DIR/ledger/next-origin`) was written whole
first; the change became true with the file that keeps the origin. From then on keys, seeds and
adoptions are read with what stands here, until `audit.keys.finish_rename` has put it into its
places and removed the file. So a crash left the log wholly under the one name or wholly under the
other.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class Damaged(ValueError):
    """The file cannot be read."""


@dataclass(frozen=True, slots=True, repr=False)
class Succession:
    """What follows.

    Attributes:
        origin: the new name.
        size: entries with which it goes on.
        until: size of the largest tree that was signed under the old name.
        statement: by which the old keys vouch for the new ones.
        seeds: the secrets, base64, by verifier key; Ed25519 first, then ML-DSA-44.
        adoption: what stands in `adopted.json` of it.
    """

    origin: str
    size: int
    until: int
    statement: str
    seeds: Mapping[str, str]
    adoption: Mapping[str, Any]

    def seed(self, at: int = 0) -> bytes:
        """A seed by its place."""
        return b64decode([*self.seeds.values()][at])


def path(folder: Path) -> Path:
    """Where it lies."""
    return folder / "next-origin"


def read(folder: Path) -> Succession | None:
    """What was prepared; None where nothing was.

    Raises:
        Damaged: the file cannot be read.
    """
    try:
        return Succession(**json.loads(path(folder).read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise Damaged(f"{path(folder)} is damaged ({error}); restore it from a backup") from None
