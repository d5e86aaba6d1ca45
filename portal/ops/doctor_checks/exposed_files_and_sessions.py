"""Files that other accounts of the machine can read, and the sessions that they could take."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection, transaction

from accounts.models import SignedInSession
from accounts.sessions import service
from audit.recording.actors import SYSTEM, Target
from audit.recording.record import record
from portal.ops.doctor_checks.leftover_type import Leftover
from portal.ops.doctor_checks.upgraded_at import upgraded_at

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def check_modes() -> Iterator[Leftover]:
    """Files and folders under VAR_DIR that others may read or write."""
    loose = [path for path in _ours() if path.lstat().st_mode & _OTHERS]
    if loose:
        yield Leftover(
            "file modes",
            f"Other accounts of this machine can read {len(loose)} files and folders under "
            f"{settings.VAR_DIR}, such as {loose[0]}.",
            "Give them mode 0600, folders 0700.",
            partial(_close, loose),
        )


def check_sessions() -> Iterator[Leftover]:
    """Sessions from when every account of the machine could read the embedded database."""
    upgraded = upgraded_at()
    if connection.vendor != "sqlite" or upgraded is None:
        return
    exposed = SignedInSession.objects.filter(created__lt=upgraded)
    if count := exposed.count():
        yield Leftover(
            "sessions",
            f"{count} sessions began while other accounts of this machine could read the database "
            "and with it the cookies of these sessions.",
            "End them; their people sign in again.",
            _end_exposed,
        )


def _ours() -> Iterator[Path]:
    root = Path(settings.VAR_DIR)
    for path in (root, *root.rglob("*")):
        if not path.is_symlink() and (path.is_file() or path.is_dir()):
            yield path


def _close(paths: list[Path]) -> str:
    for path in paths:
        if path.exists():
            path.chmod(0o700 if path.is_dir() else 0o600)
    return f"{len(paths)} modes changed"


def _end_exposed() -> str:
    upgraded = upgraded_at()
    exposed = list(SignedInSession.objects.filter(created__lt=upgraded))
    with transaction.atomic():
        for one in exposed:
            service.end(one)
            record(
                SYSTEM,
                "session.revoked",
                target=Target("session", one.public_id),
                data={"by": "manage.py doctor"},
            )
        # Those without a signed-in person hold no right, but may have been read just as well.
        known = SignedInSession.objects.values("session_key")
        Session.objects.exclude(session_key__in=known).delete()
    return f"{len(exposed)} sessions ended"
