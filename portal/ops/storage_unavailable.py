"""When nothing can be stored: acts refuse with 503, reading goes on."""

from __future__ import annotations

import logging
import os
import tempfile
from typing import Any

from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.cache.backends.filebased import FileBasedCache
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse

from audit.db.storage_error_kinds import is_failure, is_not_stored

log = logging.getLogger("portal.storage")

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_PROBE = b"\0" * 65_536


class StorageUnavailable(Exception):
    """Something had to be stored and could not be; nothing of it was kept."""


class SessionsThatOutliveTheDisk(SessionMiddleware):
    """A page that only reads is shown even where its session cannot be saved."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """As Django's; a redirect or an act needs its session and so it fails.

        Raises:
            StorageUnavailable: the session had to be kept.
        """
        try:
            return super().process_response(request, response)
        except Exception as error:
            if not is_not_stored(error):
                raise
            if response.status_code >= 500:
                return response
            if request.method in _READS and response.status_code != 302:
                log.warning("session not saved: %s", type(error).__name__)
                return response
            raise StorageUnavailable("the session could not be saved") from error


class ForgetfulCache(FileBasedCache):
    """A cache of files that forgets what it cannot write, since a cache may forget anything."""

    def set(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> None:
        """Keep it if there is space."""
        try:
            super().set(key, value, *args, **kwargs)
        except OSError as error:
            log.debug("not cached: %s", error.strerror)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """The value; what is over and cannot be removed counts as not there."""
        try:
            return super().get(key, default, version)
        except OSError:
            return default

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Forget it, if it can be removed."""
        try:
            return bool(super().delete(key, version))
        except OSError:
            return False

    def has_key(self, key: Any, version: int | None = None) -> bool:
        """Whether it is there and not over."""
        try:
            return bool(super().has_key(key, version))
        except OSError:
            return False


def trouble() -> str:
    """Why nothing can be stored now, tried by storing something; empty when all is well."""
    return _files() or _database()


def _files() -> str:
    try:
        with tempfile.NamedTemporaryFile(dir=settings.VAR_DIR, prefix=".probe-") as probe:
            probe.write(_PROBE)
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return f"VAR_DIR takes no writes: {error.strerror}"
    return ""


def _database() -> str:
    try:
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SHOW transaction_read_only")
                return "the database is read-only" if cursor.fetchone() == ("on",) else ""
        with transaction.atomic():  # SQLite: BEGIN IMMEDIATE, which a read-only file refuses
            pass
    except Exception as error:
        if not is_failure(error):
            raise
        return f"the database takes no writes: {type(error).__name__}"
    return ""
