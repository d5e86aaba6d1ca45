"""Has the gateway scan the skills and plugins in folders that it does not watch.

A gateway watches the folders of one agent. A skill or plugin in another agent's folder is scanned
when it is new or changed, by the gateway's own scanner over its local API, which enforces nothing.
What was found is read from the gateway's database, as of every scan.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from ata.errors import AtaError
from ata.outpost import gateway_facts
from ata.outpost.audit_database import opened
from ata.outpost.reported_fields import cell
from ata.outpost.state_folder import StateFolder

EVERY_S: Final = 30.0
FAILED_AGAIN_S: Final = 600.0
_LONGEST_SCAN_S: Final = 180.0
_MOST_ENTRIES: Final = 5_000
"""Of files and folders in one skill or plugin; one with more is not scanned."""
_MOST_NAMES: Final = 20
_SCANS: Final = "scans.json"
_FOLDERS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "openclaw": (("skill", ".openclaw/skills"), ("plugin", ".openclaw/extensions")),
    "claudecode": (("skill", ".claude/skills"), ("plugin", ".claude/plugins")),
    "codex": (("skill", ".codex/skills"), ("plugin", ".codex/plugins")),
    "cursor": (("skill", ".cursor/skills"), ("plugin", ".cursor/plugins")),
    "geminicli": (("skill", ".gemini/skills"), ("plugin", ".gemini/extensions")),
}
"""In the home of the gateway's user, where DefenseClaw finds each agent's."""
_NO_PLUGIN: Final = ".codex/plugins/cache"


@dataclass(frozen=True, slots=True)
class Copy:
    """A skill or plugin in an agent's folder.

    `fingerprint`: of its files' names, sizes and times, not of what is in them; empty where it is
    not scanned, and `why` says why: `link` or `too_large`. `changed`: its last change, in ns.
    """

    agent: str
    kind: str
    path: Path
    fingerprint: str = ""
    changed: int = 0
    why: str = ""


class FolderScans:
    """The scans of one outpost, one at a time, each followed by as long a pause."""

    def __init__(
        self, folder: StateFolder, data: Path, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder, self._data, self._monotonic = folder, data, monotonic
        self._failed: dict[str, tuple[float, str]] = {}
        self._stop = threading.Event()
        self.state: dict[str, Any] = {}
        """What the last look found: `agents` whose folders the gateway does not watch, how many
        skills and plugins there are `scanned`, `waiting` and `not_scanned`, and the first `names`
        of these; empty before it."""

    def start(self) -> None:
        """Look every 30 seconds, in a thread, until `close`."""
        threading.Thread(target=self._run, name="folder-scans", daemon=True).start()

    def close(self) -> None:
        """Start no more scans; one that runs ends at the gateway."""
        self._stop.set()

    def step(self) -> bool:
        """Have the copy that changed last scanned; False where none waits, or the gateway is down.

        Raises:
            OSError: the file of earlier scans cannot be written.
        """
        agents, found = unwatched(self._data)
        known: dict[str, Any] = {}
        with suppress(AtaError):  # a damaged file: everything is scanned again
            known = self._folder.read(_SCANS)
        done = {str(one.path): one.fingerprint for one in found if _is_done(one, known)}
        due = [one for one in found if self._is_due(one, done)]
        self._say(agents, found, done, due)
        if not due:
            return False
        copy = max(due, key=lambda one: one.changed)
        status = self._scan(copy)
        if status is None:
            return False
        if status == 200:
            self._failed.pop(str(copy.path), None)
            self._folder.write(_SCANS, done := {**done, str(copy.path): copy.fingerprint})
        else:
            why = "not_offered" if status == 404 else "failed"
            self._failed[str(copy.path)] = self._monotonic(), why
        self._say(agents, found, done, [one for one in due if one != copy])
        return True

    def _run(self) -> None:
        while not self._stop.is_set():
            started, scanned = self._monotonic(), False
            with suppress(OSError):  # a full disk: the next look tries again
                scanned = self.step()
            self._stop.wait(max(1.0, self._monotonic() - started) if scanned else EVERY_S)

    def _is_due(self, copy: Copy, done: Mapping[str, str]) -> bool:
        path = str(copy.path)
        if copy.why or path in done:
            return False
        failed = self._failed.get(path)
        return failed is None or self._monotonic() - failed[0] >= FAILED_AGAIN_S

    def _say(
        self, agents: list[str], found: list[Copy], done: Mapping[str, str], due: list[Copy]
    ) -> None:
        waiting = {one.path for one in due}
        left = [one for one in found if str(one.path) not in done and one.path not in waiting]
        self.state = {
            "agents": agents,
            "scanned": len(done),
            "waiting": len(due),
            "not_scanned": len(left),
            "names": [
                {"agent": one.agent, "kind": one.kind, "name": cell(one.path.name)}
                | {"why": one.why or self._failed[str(one.path)][1]}
                for one in left[:_MOST_NAMES]
            ],
        }

    def _scan(self, copy: Copy) -> int | None:
        """The status that the gateway answered with, 0 for no answer; None where it is down."""
        import httpx

        headers = {"X-DefenseClaw-Client": "ata-outpost"}
        if token := gateway_facts.token(self._data):
            headers["Authorization"] = f"Bearer {token}"
        url = f"{gateway_facts.address(self._data)}/v1/{copy.kind}/scan"
        try:
            with httpx.Client(headers=headers, timeout=_LONGEST_SCAN_S, trust_env=False) as client:
                return client.post(url, json={"target": str(copy.path)}).status_code
        except httpx.ConnectError:
            return None
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError):
            return 0


def unwatched(data: Path) -> tuple[list[str], list[Copy]]:
    """The agents on this host whose folders the gateway does not watch, and what lies there."""
    home, watched = gateway_facts.home(data), _watched_agent(data)
    agents, found = [], []
    for agent, folders in _FOLDERS.items():
        if agent == watched:
            continue
        there = [(kind, home / below) for kind, below in folders if (home / below).is_dir()]
        agents += [agent] if there else []
        for kind, folder in there:
            found += list(_copies(agent, kind, folder, home / _NO_PLUGIN))
    return agents, found


def _watched_agent(data: Path) -> str:
    """Whose folders the gateway watches; empty where its watcher is off, or that is not known."""
    settings = gateway_facts.config(data)
    if settings.get("gateway.watcher.enabled") is False:
        return ""
    with suppress(sqlite3.Error, OSError), opened(data / "audit.db") as database:
        if database.generation == "0.2.0":
            return "openclaw"
    return str(settings.get("guardrail.connector") or "")


def _is_done(copy: Copy, known: Mapping[str, Any]) -> bool:
    return bool(copy.fingerprint) and known.get(str(copy.path)) == copy.fingerprint


def _copies(agent: str, kind: str, folder: Path, other: Path) -> Iterator[Copy]:
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        return
    for path in paths:
        if path == other or not path.is_dir():
            continue
        if path.is_symlink():
            yield Copy(agent, kind, path, why="link")
        elif (found := _fingerprint(path)) is None:
            yield Copy(agent, kind, path, why="too_large")
        else:
            yield Copy(agent, kind, path, *found)


def _fingerprint(top: Path) -> tuple[str, int] | None:
    """Of what is in a folder, and its last change; None where that is too much. Links are not
    followed."""
    digest, newest, count, waiting = hashlib.sha256(), 0, 0, [str(top)]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as found:
                entries = sorted(islice(found, _MOST_ENTRIES + 1), key=lambda one: one.name)
            said = [_stat(folder, os.lstat(folder))]
            said += [_stat(one.path, one.stat(follow_symlinks=False)) for one in entries]
        except OSError as error:
            digest.update(repr((folder, error.errno)).encode())
            continue
        count += len(entries)
        if count > _MOST_ENTRIES:
            return None
        digest.update(repr(said).encode())
        newest = max(newest, *(changed for *_, changed in said))
        waiting += [one.path for one in entries if one.is_dir(follow_symlinks=False)]
    return digest.hexdigest(), newest


def _stat(path: str, found: os.stat_result) -> tuple[str, int, int, int, int, int]:
    number, changed = found.st_ino, found.st_ctime_ns
    return path, found.st_mode, found.st_size, found.st_mtime_ns, number, changed
