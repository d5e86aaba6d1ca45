"""The journal of commands: what was accepted, begun, ended and read back, each on disk first.

One line a step, each signed by the device key and naming the digest of the line before it; a second
file says how many lines there are. So a journal that somebody edited, cut or replaced is noticed.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from typing import Any, Final

from ata import clock
from ata.log.durable_files import append_durably, write_durably
from ata.outpost.commands.command_journal_queries import History
from ata.outpost.commands.log_checkpoints import Seen
from ata.outpost.device_key import DeviceKey
from ata.outpost.state_folder import StateFolder
from audit.ledger.format.canonical import EntryError, canonical

LINES: Final = "commands.jsonl"
HEAD: Final = "commands-head.json"
_FIRST: Final = "0" * 64


class CommandJournal:
    """The journal of one outpost; `history` is what its lines say.

    `first` is the digest of its first line, which no other journal has, and
    `has_outcome` is set whenever a line has an outcome to report.
    """

    def __init__(self, folder: StateFolder, key: DeviceKey, *, is_begun: bool = False) -> None:
        self.has_outcome = threading.Event()
        self._folder, self._key = folder, key
        self._path = folder.path / LINES
        self._lock = threading.Lock()
        self._size, self._count, self._digest, self.first = 0, 0, _FIRST, ""
        self.history = History()
        if not self._load(is_begun):
            self._start_again()

    def write(self, step: str, **said: Any) -> None:
        """Add a line; it is on disk before this returns."""
        record = {"step": step, "at": clock.format_time(clock.now()), **said}
        with self._lock:
            content = {"previous": self._digest, "record": record}
            signature = self._key.sign_record(canonical(content))
            line = canonical({**content, "signature": signature}) + b"\n"
            append_durably(self._path, self._size, line)
            self._size, self._count = self._size + len(line), self._count + 1
            self._digest = hashlib.sha256(line).hexdigest()
            self.first = self.first or self._digest
            self._folder.write(HEAD, {"lines": self._count, "digest": self._digest})
            self.history.add(record)
        if "outcome" in record:
            self.has_outcome.set()

    def unreported(self, most: int) -> list[dict[str, Any]]:
        """Outcomes that no report has yet, oldest first."""
        with self._lock:
            known = self.history.outcomes
            return [dict(known[one]) for one in known if one in self.history.unreported][:most]

    def mark_reported(self, outcomes: list[dict[str, Any]]) -> None:
        """A report with these is on disk; one that changed since is reported again."""
        with self._lock:
            known = self.history.outcomes
            ids = [one["id"] for one in outcomes if known.get(one["id"]) == one]
        if ids:
            self.write("reported", ids=ids)

    def report_again(self) -> None:
        """Report all outcomes that are known again."""
        with self._lock:
            ids = list(self.history.outcomes)
        if ids:
            self.write("report_again", ids=ids)

    def _load(self, is_begun: bool) -> bool:
        """Read the lines; False where they are not those that were written, or none are left of a
        journal that was begun."""
        head = self._folder.read(HEAD)
        try:
            raw = self._path.read_bytes()
        except FileNotFoundError:
            return not head and not is_begun
        whole = raw[: raw.rfind(b"\n") + 1]
        at_head = _FIRST if not head else ""
        for line in whole.splitlines(keepends=True):
            record = self._record(line)
            if record is None:
                return False
            self._size, self._count = self._size + len(line), self._count + 1
            self._digest = hashlib.sha256(line).hexdigest()
            self.first = self.first or self._digest
            self.history.add(record)
            if self._count == head.get("lines"):
                at_head = self._digest
        # A line that a killed process did not finish is cut off by the next one.
        few = self._count <= head.get("lines", 0) + 1
        return bool(few and at_head == head.get("digest", _FIRST))

    def _record(self, line: bytes) -> dict[str, Any] | None:
        try:
            found = json.loads(line)
            content = {"previous": found["previous"], "record": found["record"]}
            right = found["previous"] == self._digest and isinstance(found["record"], dict)
            signed = self._key.has_signed_record(canonical(content), str(found["signature"]))
        except (ValueError, KeyError, TypeError, EntryError, RecursionError):
            return None
        return found["record"] if right and signed else None

    def _start_again(self) -> None:
        """Keep the changed journal under another name, and begin one that says so."""
        if self._path.exists():
            name = f"{LINES}.changed-{int(clock.now())}"
            self._path.rename(self._path.with_name(name))
        self._size, self._count, self._digest, self.first = 0, 0, _FIRST, ""
        self.history = History()
        write_durably(self._path, "")
        self._folder.write(HEAD, {})
        self.write("journal_changed")


def newest(folder: StateFolder, most: int) -> list[dict[str, Any]]:
    """The newest outcomes with what they are about, for a person who asks, oldest first; the
    signatures of the lines are not verified."""
    about: dict[str, dict[str, Any]] = {}
    found: dict[str, dict[str, Any]] = {}
    for record in _records(folder):
        if record["step"] == "accepted":
            about[record["command"]["id"]] = record["command"]
        if record["step"] in ("refused", "failing", "concluded"):
            outcome = record["outcome"]
            what = record.get("about") or about.get(outcome["id"], {})
            found.pop(outcome["id"], None)
            found[outcome["id"]] = {
                "at": record["at"],
                **{name: what.get(name, "") for name in ("act", "kind", "name")},
                **{name: outcome[name] for name in ("id", "state", "code", "detail", "left")},
            }
    return list(found.values())[-most:]


def log_as_accepted(folder: StateFolder) -> tuple[Seen, str, list[str]]:
    """The newest checkpoint of the log that was accepted, when the log was found to have two
    histories, and the commands whose decision it did not show for ten minutes; for a person who
    asks: the signatures of the lines are not verified."""
    seen, forked_at = Seen(), ""
    missing: dict[str, None] = {}
    for record in _records(folder):
        if "seen" in record:
            seen = Seen(**record["seen"])
        if record["step"] == "log_forked":
            forked_at = record["at"]
        if record["step"] == "not_in_log":
            missing[record["id"]] = None
        if record["step"] == "in_log":
            missing.pop(record["id"], None)
    return seen, forked_at, list(missing)


def _records(folder: StateFolder) -> Iterator[dict[str, Any]]:
    try:
        lines = (folder.path / LINES).read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        try:
            yield json.loads(line)["record"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return
