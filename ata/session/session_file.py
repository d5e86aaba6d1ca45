"""The operator's session: one file, readable by its owner only, refreshed without being asked.

A gateway that runs as the same user may read this file for a current access token; the portal
itself never holds a refresh token.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from ata.errors import AtaError, not_signed_in

REFRESH_BEFORE_S = 60
"""An access token with less time left than this is refreshed first."""
LOCK_WITHIN_S = 30.0
"""So long one `ata` waits until another has refreshed the session."""
_LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Session:
    """What the session file holds; tokens never show in `repr`.

    Attributes:
        portal: the portal that these tokens are for; they are sent nowhere else.
        issuer: the issuer identifier, with its trailing slash.
        client_id: the public client that signed in.
        audience: the API that the access token is for.
        token_endpoint: where the access token is refreshed.
        revocation_endpoint: where the refresh token is revoked; empty when there is none.
        expires_at: end of the access token, seconds since the epoch.
        refresh_token: empty when the issuer gave none.
    """

    portal: str
    issuer: str
    client_id: str
    audience: str
    token_endpoint: str
    revocation_endpoint: str
    expires_at: float
    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)

    def is_fresh(self, now: float) -> bool:
        """Whether the access token still has time enough for a request."""
        return self.expires_at - now >= REFRESH_BEFORE_S


class SessionStore:
    """The session file at `path`, written atomically and refused when others may read it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def default(cls) -> SessionStore:
        """`ATA_SESSION` when set, else `~/.ata/session.json`."""
        named = os.environ.get("ATA_SESSION")
        return cls(Path(named) if named else Path.home() / ".ata" / "session.json")

    def load(self) -> Session | None:
        """The session, or None when there is no file.

        Raises:
            AtaError: `session_exposed` when someone else owns or may read the file,
                `session_unreadable` when it does not hold a session.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(str(error.strerror)) from error
        with os.fdopen(descriptor, "rb") as stream:
            self._check_private(os.fstat(stream.fileno()))
            return self._parse(stream.read())

    def require(self) -> Session:
        """The session.

        Raises:
            AtaError: as `load`, and `not_signed_in` when there is none.
        """
        session = self.load()
        if session is None:
            raise not_signed_in()
        return session

    def save(self, session: Session) -> None:
        """Replace the file in one step; a reader sees the old session or the new one."""
        import secrets  # slow to import, and most commands only read

        self._make_folder()
        scratch = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                json.dump(asdict(session), stream, indent=1)
                stream.flush()
                os.fsync(stream.fileno())
            scratch.replace(self.path)
        except BaseException:
            scratch.unlink(missing_ok=True)
            raise

    def delete(self) -> None:
        """Forget the session; nothing happens when there is none."""
        self.path.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the right to refresh: of several processes one asks, the others read its result.

        The lock lives in a separate file because the session file is replaced when written.

        Raises:
            AtaError: `session_busy`, when another process held it for LOCK_WITHIN_S.
        """
        self._make_folder()
        lock = self.path.with_name(self.path.name + ".lock")
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._wait_for(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _wait_for(self, descriptor: int) -> None:
        until = time.monotonic() + LOCK_WITHIN_S
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > until:
                    raise AtaError(
                        f"Another `ata` held the session file {self.path} for {LOCK_WITHIN_S:g} s.",
                        code="session_busy",
                        fix="Try again; if it stays so, look for an `ata` that hangs.",
                    ) from None
                time.sleep(_LOOK_EVERY_S)

    def _make_folder(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _check_private(self, status: os.stat_result) -> None:
        if status.st_uid != os.geteuid():
            raise AtaError(
                f"The session file {self.path} belongs to another user; it was not used.",
                code="session_exposed",
                fix="Remove it and run `ata login`, or name your own with ATA_SESSION.",
            )
        if status.st_mode & 0o077:
            raise AtaError(
                f"The session file {self.path} can be read or changed by others; it was not used.",
                code="session_exposed",
                fix=f"Run `chmod 600 {self.path}`; if others may have read it, run "
                "`ata logout` and `ata login` after that.",
            )

    def _parse(self, body: bytes) -> Session:
        try:
            members = json.loads(body)
            known = {one.name: members[one.name] for one in fields(Session)}
        except (ValueError, TypeError, KeyError) as error:
            raise self._unreadable("it does not hold a session") from error
        texts = [value for name, value in known.items() if name != "expires_at"]
        if not all(isinstance(text, str) for text in texts) or not isinstance(
            known["expires_at"], int | float
        ):
            raise self._unreadable("it does not hold a session")
        return Session(**known)

    def _unreadable(self, reason: str) -> AtaError:
        return AtaError(
            f"The session file {self.path} cannot be used: {reason}.",
            code="session_unreadable",
            fix="Run `ata login` to write a new one.",
        )
