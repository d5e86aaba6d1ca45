"""Due work, done by a test in its own thread instead of by the lanes of the worker."""

from __future__ import annotations

from collections.abc import Callable

from approvals import due_work

type Piece = Callable[[], None]


class Kept(list[Piece]):
    """Lanes that keep what was claimed, so that a test begins it when it wants."""

    def has_capacity(self, lane: str) -> bool:
        """There is always room."""
        return True

    def full(self) -> set[str]:
        """No lane ever is."""
        return set()

    def start(self, lane: str, work: Piece) -> None:
        """Keep a piece of work."""
        self.append(work)


def due_pieces(kinds: due_work._Kinds) -> list[Piece]:
    """Claim what is due; each piece does one row."""
    kept = Kept()
    due_work.sweep(kept, kinds)
    return kept


def sweep(kinds: due_work._Kinds = due_work.ASKING + due_work.STEPS + due_work.LETTERS) -> int:
    """Do what is due of `kinds` now; returns how many rows it was."""
    work = due_pieces(kinds)
    for piece in work:
        piece()
    return len(work)
