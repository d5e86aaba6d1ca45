"""When a program is killed: in the middle of a hold, a quarantine, a release or a restore, else at
a write or after a time. The outpost's journal of commands shows which call is being made."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torture import windows
from torture.outposts.gateway_host import Host

_DECK = ("hold", "quarantine", "quarantine", "release", "release", "restore", "restore", "")
"""What eight kills in a row hit, in a seeded order: each kind of decision, and once a write."""
_CALLS = {
    "hold": {"disable", "block"},
    "quarantine": {"quarantine"},
    "release": {"enable", "unblock"},
    "restore": {"restore"},
}
_LOCAL_API_S, _COMMAND_LINE_S = 0.1, 1.2  # about as long as a call takes
_LONGEST_S = 40.0
_BETWEEN_READS_S = 0.004
_ENDS = {"ended", "read_back", "failing", "concluded"}


class Call(NamedTuple):
    """A call that an outpost had begun when something was killed, and the component's name."""

    verb: str
    name: str


class Moments:
    """The seeded moments of one run."""

    def __init__(self, hosts: Sequence[Host], var_dir: Path, choose: random.Random) -> None:
        self._hosts, self._var_dir, self._choose = hosts, var_dir, choose
        self._deck: list[str] = []

    def wait(self) -> tuple[Host, str]:
        """Wait for the next moment; at which host it is, and the moment in words."""
        if not self._deck:
            self._deck = self._choose.sample(_DECK, len(_DECK))
        kind = self._deck.pop()
        host = self._choose.choice(self._hosts)
        if not kind:
            return host, self._write_or_time(host)
        return self._call(kind) or (host, f"no {kind} began in {_LONGEST_S:.0f} s")

    def _call(self, kind: str) -> tuple[Host, str] | None:
        """Wait until an outpost begins a call of this kind, and for a part of that call."""
        read = {host.name: _read(host, 0)[1] for host in self._hosts}
        until = time.monotonic() + _LONGEST_S
        while time.monotonic() < until:
            for host in self._hosts:
                records, read[host.name] = _read(host, read[host.name])
                for record in records:
                    verb = str(record.get("call", "")).partition(" ")[0]
                    if record["step"] == "started" and verb in _CALLS[kind]:
                        time.sleep(self._choose.choice((0, self._choose.uniform(0, _lasts(verb)))))
                        return host, f"at a {kind}"
            time.sleep(_BETWEEN_READS_S)
        return None

    def _write_or_time(self, host: Host) -> str:
        choose = self._choose
        if choose.random() < 0.4:
            seconds = choose.uniform(0.05, 3.0)
            time.sleep(seconds)
            return f"after {seconds:.2f} s"
        places = {
            "the outpost's journals": [host.state, host.state / "journal"],
            "a row": [host.database.with_name("audit.db-wal")],
            "the spool": [self._var_dir / "push-spool" / host.name],
            "the portal's database": windows.places(self._var_dir, "database"),
        }
        kind = choose.choice([*places])
        windows.wait_for_write(places[kind], 5)
        time.sleep(choose.choice((0, choose.uniform(0, 0.01), choose.uniform(0, 0.5))))
        return f"at a write: {kind}"


def call_being_made(host: Host) -> Call | None:
    """The call that is begun and not ended in the journal of commands."""
    names: dict[str, str] = {}
    found: Call | None = None
    for record in _read(host, 0)[0]:
        if record["step"] == "accepted":
            names[record["command"]["id"]] = record["command"]["name"]
        elif record["step"] == "started":
            verb = record["call"].partition(" ")[0]
            found = Call(verb, names.get(record["id"], ""))
        elif record["step"] in _ENDS:
            found = None
    return found


def _lasts(verb: str) -> float:
    return _LOCAL_API_S if verb in ("block", "unblock") else _COMMAND_LINE_S


def _read(host: Host, start: int) -> tuple[list[dict[str, Any]], int]:
    """The whole lines of the journal from a byte on, and where the next one begins."""
    if not host.commands.exists():
        return [], start
    with host.commands.open("rb") as stream:
        stream.seek(start)
        content = stream.read()
    whole = content[: content.rfind(b"\n") + 1]
    return [json.loads(line)["record"] for line in whole.splitlines()], start + len(whole)
