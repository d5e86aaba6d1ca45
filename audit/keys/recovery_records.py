"""What was adopted: the file `VAR_DIR/ledger/adopted.json`, oldest first."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.db.durable_files import write_durably
from audit.keys import log_identity
from audit.sequencing.signed_state import SequencerStopped


@dataclass(frozen=True, slots=True)
class Adoption:
    """One that was made. Sizes in entries, roots in base64, `at` as in RFC 3339.

    Attributes:
        size, root: what the database held.
        signed_size, signed_root: the tree that had been signed.
        old_origin, new_origin: where the log went on under another name; else empty.
        statement: by which the old keys vouch for the new name.
        objection: what a witness said against the log then; not checked by us.
    """

    at: str
    size: int
    root: str
    signed_size: int
    signed_root: str
    reason: str
    by: str
    old_origin: str = ""
    new_origin: str = ""
    statement: str = ""
    objection: str = ""

    @property
    def data(self) -> dict[str, Any]:
        """What the entry says in clear: both heads, and both names with the statement."""
        heads: dict[str, Any] = {
            "database": {"size": self.size, "root": self.root},
            "signed": {"size": self.signed_size, "root": self.signed_root},
        }
        if not self.new_origin:
            return heads
        names = {"old": self.old_origin, "new": self.new_origin}
        return heads | {"origin": names, "statement": self.statement}

    @property
    def private(self) -> dict[str, Any]:
        """What the entry commits to."""
        said = {"objection": self.objection} if self.objection else {}
        return {"by": self.by} | said


def made_so_far() -> list[Adoption]:
    """Every adoption, oldest first.

    Raises:
        SequencerStopped: the file is damaged.
    """
    try:
        made = [Adoption(**one) for one in json.loads(path().read_text())]
    except FileNotFoundError:
        made = []
    except (ValueError, TypeError) as error:
        raise SequencerStopped(
            "state", f"{path()} is damaged ({error}); restore it from a backup"
        ) from None
    waiting = log_identity.succession()
    if waiting is not None and (last := Adoption(**waiting.adoption)) not in made:
        made.append(last)
    return made


def write(made: Iterable[Adoption]) -> None:
    """Replace the file, durably."""
    rows = [{name: getattr(one, name) for name in Adoption.__slots__} for one in made]
    write_durably(path(), json.dumps(rows, indent=1).encode())


def path() -> Path:
    """Where the file lies."""
    return log_identity.folder() / "adopted.json"
