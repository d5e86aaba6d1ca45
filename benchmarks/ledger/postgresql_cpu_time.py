"""Processor time of the database's server, which no clock of ours tells."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.resources import Share

_EVERY_S = 0.1


class Backends:
    """What the backends of one PostgreSQL database used since we look, ended ones included.

    They are seen on the same machine only, by the names that PostgreSQL gives to its processes.
    """

    def __init__(self, database: str, backend: int) -> None:
        self._words = f" {database} "
        server = Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1]
        self._children = Path(f"/proc/{server}/task/{server}/children")
        self._used: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def used(self) -> float:
        """Seconds so far."""
        for pid in self._children.read_text().split():
            try:
                if self._words in Path(f"/proc/{pid}/cmdline").read_text():
                    self._used[pid] = Share.of(pid).ran
            except OSError:
                continue  # it ended
        return sum(self._used.values())

    def _watch(self) -> None:
        while not self._stop.wait(_EVERY_S):
            self.used()

    def begin(self) -> None:
        """Look, ten times a second."""
        self._thread.start()

    def end(self) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join()


@contextmanager
def watched() -> Iterator[Backends | None]:
    """The backends of our database; None where it has no server."""
    from django.db import connection

    if connection.vendor != "postgresql":
        yield None
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = int(cursor.fetchone()[0])
    found = Backends(str(connection.settings_dict["NAME"]), backend)
    found.begin()
    try:
        yield found
    finally:
        found.end()
