"""Words that gathered in PostgreSQL's index go to their places while the next batch is made.

They are a third of the server's work on a batch, and nobody has to wait for them: who searches
meanwhile reads the list that they stand in, as long as it is.
"""

from __future__ import annotations

import logging

from django.db import Error, connection

from audit import fulltext
from audit.beside import Beside

_log = logging.getLogger(__name__)


class Tidier:
    """Empties the list beside the caller; one list at a time."""

    def __init__(self) -> None:
        self._beside = Beside("gathered-words")

    def begin(self) -> None:
        """Begin once the last time has ended: what comes in faster is held up here."""
        if connection.vendor == "postgresql":
            self._beside.begin(_tidy)

    def end(self) -> None:
        """Return when nothing is under way, and no connection is left of it."""
        self._beside.end()


def _tidy() -> None:
    try:
        with connection.cursor() as cursor:
            fulltext.empty_list(cursor)
    except Error:  # the next batch, or anybody's next row, empties it
        _log.warning("words wait in the index's list", exc_info=True)
