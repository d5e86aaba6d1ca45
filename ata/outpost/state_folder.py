"""The folder `~/.ata/outpost`: mode 0700, its JSON files, and the lock of the one runner."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ata.errors import AtaError
from ata.log.durable_files import write_durably

ENROLMENT = "enrolment.json"
STATUS = "status.json"


class StateFolder:
    """Where one outpost keeps its key, its enrolment, its journal and its position."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or Path.home() / ".ata" / "outpost"

    @property
    def key(self) -> Path:
        """The file of the device key."""
        return self.path / "key"

    @property
    def journal(self) -> Path:
        """The folder of the reports that are not acknowledged."""
        return self.path / "journal"

    def make(self) -> None:
        """Make the folder, if there is none, and check that it is private.

        Raises:
            AtaError: `folder_exposed`.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.mkdir(mode=0o700, exist_ok=True)
        self.check()
        self.journal.mkdir(mode=0o700, exist_ok=True)

    def check(self) -> None:
        """Refuse a folder that others own or may read.

        Raises:
            AtaError: `folder_exposed`.
        """
        status = self.path.lstat()
        if status.st_uid != os.geteuid() or status.st_mode & 0o777 != 0o700:
            raise AtaError(
                f"The folder {self.path} has to be yours with mode 0700; it was not used.",
                code="folder_exposed",
                fix=f"See who changed it, then run `chmod 700 {self.path}`.",
            )

    def read(self, name: str) -> dict[str, Any]:
        """What a file holds; empty where there is none.

        Raises:
            AtaError: `state_unreadable`.
        """
        return read_object(self.path / name)

    def write(self, name: str, value: Mapping[str, Any]) -> None:
        """Replace a file; it is on disk before this returns."""
        write_durably(self.path / name, json.dumps(value))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder: two runners would continue one chain of reports twice.

        Raises:
            AtaError: `already_running`.
        """
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AtaError(
                    "This outpost runs already.",
                    code="already_running",
                    fix="`ata outpost status` says how it is.",
                ) from None
            yield
        finally:
            os.close(descriptor)


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty where there is no file.

    Raises:
        AtaError: `state_unreadable`.
    """
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _unreadable(path) from error
    if not isinstance(found, dict):
        raise _unreadable(path)
    return found


def _unreadable(path: Path) -> AtaError:
    return AtaError(
        f"{path} cannot be read.",
        code="state_unreadable",
        fix="Have the outpost revoked, remove its folder and enrol a new one.",
    )
