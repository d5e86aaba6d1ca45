"""Browser sessions of which the database has only a digest of the key, as it has of a password.

The key is what the browser's cookie holds: a reader of the database, of a copy or a backup of it
must not be signed in as everybody who is.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from django.contrib.sessions.backends import db
from django.utils import timezone

_LENGTH: Final = 40  # of Django's column: 160 bits, as many as a key has


def stored_key(key: str | None) -> str:
    """What the database holds for a session key: hex, 40 characters. Keys are random, so that no
    salt is needed. "" for none."""
    return hashlib.sha256(f"ata.session.v1\n{key}".encode()).hexdigest()[:_LENGTH] if key else ""


class SessionStore(db.SessionStore):
    """Django's own in the database, with digests where it has keys."""

    # Its name stays: the signature of what is stored depends on it.

    def _get_session_from_db(self) -> Any:
        key = self.session_key
        found = self._rows(key).filter(expire_date__gt=timezone.now()).first()
        if found is None:
            self._session_key = None
        return found

    def exists(self, session_key: str) -> bool:
        """Whether there is one with this key."""
        return bool(self._rows(session_key).exists())

    def create_model_instance(self, data: Any) -> Any:
        """The row of this session."""
        row = super().create_model_instance(data)
        row.session_key = stored_key(row.session_key)
        return row

    def delete(self, session_key: str | None = None) -> None:
        """Remove one, this where none is named."""
        self._rows(session_key or self.session_key).delete()

    def _rows(self, key: str | None) -> Any:
        return self.model.objects.filter(session_key=stored_key(key))
