"""The table of attacks on the ledger; tests run it and `docs/attacks.md` shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.attacks.ledger.detecting import Detector
from tests.attacks.ledger.world import World

DATABASE = "database"
FILES = "database and files"
KEY = "database, files and log key"
PAPERS = "what was handed out"
PAPERS_KEY = "what was handed out, and the log key"


@dataclass(frozen=True, slots=True)
class Attack:
    """Somebody with some access does something, and somebody finds it.

    Attributes:
        name: in a few words.
        access: what they can read and write.
        does: a sentence.
        detector: who finds it.
        says: words of what that one says.
        unseen_by: who does not find it, which the table says too.
        act: does it.
    """

    name: str
    access: str
    does: str
    detector: Detector
    says: str
    act: Callable[[World], object]
    unseen_by: tuple[Detector, ...] = ()

    def row(self) -> str:
        """The line of the document."""
        unseen = "".join(f"; not {one.name}" for one in self.unseen_by)
        found = f"{self.detector.name}{unseen}"
        return f"| {self.name} | {self.access} | {self.does} | {found} | {self.says.strip()} |"


ATTACKS: list[Attack] = []


def attack(
    access: str, does: str, detector: Detector, says: str, *, unseen_by: tuple[Detector, ...] = ()
) -> Callable[[Callable[[World], object]], Callable[[World], object]]:
    """Put a function into the table; its name is that of the attack."""

    def put(act: Callable[[World], object]) -> Callable[[World], object]:
        name = act.__name__.replace("_", " ")
        ATTACKS.append(Attack(name, access, does, detector, says, act, unseen_by))
        return act

    return put


def in_words() -> str:
    """The table as Markdown."""
    head = "| attack | has | does | found by | says |\n|---|---|---|---|---|"
    return "\n".join([head, *(one.row() for one in ATTACKS)])
