"""A change of the log's name that was prepared: one file that says all of it, seeds included.

The file (`VAR_DIR/ledger/next-origin`, mode 0600) is written whole first. What makes the change
true is one rename: of the file that keeps the origin. From then on keys, seeds and adoptions are
read with what stands here, until it is put into its places (`audit.renamed`) and the file removed.
So a crash at any moment leaves the log wholly under the one name or wholly under the other.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from audit.files import write_durably


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


def write(folder: Path, one: Succession) -> None:
    """Prepare it, durably."""
    write_durably(path(folder), json.dumps(asdict(one), indent=1).encode())
