"""Reports that the portal has not acknowledged: one file each, in order, bounded, each on disk
before the position moves.

A file has what a report says and the position behind it. Its number in the chain and its signature
come with the first try to send it (`outgoing.json`), and then stay: the same bytes are sent until
they are acknowledged. So the oldest files can be dropped without a gap in the chain.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ata import clock
from ata.log.durable_files import write_durably
from ata.outpost import gateway_facts, replacement_for_refused_report
from ata.outpost.state_folder import StateFolder, read_object

MOST_BYTES: Final = 64 * 2**20
OUTGOING: Final = "outgoing.json"
CHAIN: Final = "chain.json"
POSITION: Final = "position.json"
REFUSED_OUTCOMES: Final = "refused-outcomes.json"
FIRST_PREVIOUS: Final = "0" * 64
_MOST_NOTED: Final = 100
_REMEMBERED: Final = 200
"""So many digests of acknowledged reports are kept, for a portal that lost the last ones."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A report that was numbered and signed."""

    sequence: int
    n: int
    digest: str
    body: str


class Journal:
    """The journal of one outpost; only the process that holds the folder writes it."""

    def __init__(self, folder: StateFolder, most_bytes: int = MOST_BYTES) -> None:
        self._folder, self._most = folder, most_bytes
        self._adopt()

    def append(self, said: Mapping[str, Any], position: Mapping[str, Any]) -> None:
        """Write a report's content durably, then move the position behind it.

        Args:
            position: what to read on from once this content is journalled.
        """
        content = dict(said)
        sequence = self._last() + 1
        dropped = self._overflow(len(json.dumps(content)))
        if dropped:
            content = replacement_for_refused_report.with_lost(
                content, [read_object(path) for path in dropped]
            )
            content["drops"] = [_sequence(path) for path in dropped]
            # What was read of the gateway's state may be in them: it is reported again.
            position = {**position, "facts": {}}
        content["position"] = {**position, "sequence": sequence}
        write_durably(self._path(sequence), json.dumps(content))
        for path in dropped:
            path.unlink(missing_ok=True)
        self._folder.write(POSITION, content["position"])

    @property
    def position(self) -> dict[str, Any]:
        """Up to where rows are journalled or acknowledged."""
        return self._folder.read(POSITION)

    def oldest(self) -> tuple[int, dict[str, Any]] | None:
        """The content that is sent next, and its number in the journal."""
        path = next(iter(self._files()), None)
        return (_sequence(path), read_object(path)) if path else None

    def __len__(self) -> int:
        return len(list(self._files()))

    @property
    def outgoing(self) -> Outgoing | None:
        """The report that was signed and is not acknowledged."""
        found = self._folder.read(OUTGOING)
        return Outgoing(**found) if found else None

    def keep_outgoing(self, report: Outgoing) -> None:
        """Write a signed report durably before it is sent for the first time."""
        fields = ("sequence", "n", "digest", "body")
        self._folder.write(OUTGOING, {name: getattr(report, name) for name in fields})

    @property
    def next_n(self) -> int:
        """The number of the next report in the chain."""
        return int(self._folder.read(CHAIN).get("n", 0))

    @property
    def previous(self) -> str:
        """The digest that the next report names."""
        digests = self._folder.read(CHAIN).get("digests") or [FIRST_PREVIOUS]
        return str(digests[-1])

    def acknowledge(self, report: Outgoing) -> None:
        """Go on after a report: the chain first, then its files go."""
        digests = [*self._folder.read(CHAIN).get("digests", []), report.digest]
        self._folder.write(CHAIN, {"n": report.n + 1, "digests": digests[-_REMEMBERED:]})
        self._clean_up(report)

    def rewind(self, n: int) -> bool:
        """Go on with the number `n` for a portal that lost later ones; all rows are read again.

        Returns: False where the digest that the next report has to name is not known any more.
        """
        chain = self._folder.read(CHAIN)
        digests, back = chain.get("digests", []), self.next_n - n
        if back < 0 or (n > 0 and back >= len(digests)):
            return False
        kept = digests[: len(digests) - back] if n else []
        why = f"the portal lost reports from number {n} on"
        again = {**self.position, "tables": {}, "facts": {}, "why": why}
        self._folder.write(POSITION, again)
        self._folder.write(CHAIN, {"n": n, "digests": kept})
        (self._folder.path / OUTGOING).unlink(missing_ok=True)
        return True

    def refuse(self, report: Outgoing, code: str) -> str:
        """Send less in a report's place, which the portal cannot take in. What it has of the
        gateway's state is known at the portal no more, and is among `refused` then.

        Args:
            code: the portal's.

        Returns: what is sent instead, in a sentence.
        """
        path = self._path(report.sequence)
        content = read_object(path)
        self._forget_facts(content)
        instead = replacement_for_refused_report.instead_of(content, code)
        if instead.outcome is not None:
            self._note_outcome(instead.outcome, code)
        for later in instead.later:
            self.append(later, self.position)
        # The number was not taken, so another report may have it; the signed one goes first.
        (self._folder.path / OUTGOING).unlink(missing_ok=True)
        write_durably(path, json.dumps({**instead.content, "position": content["position"]}))
        return f"The portal could not take in a report: {instead.words}."

    def _note_outcome(self, outcome: Mapping[str, Any], code: str) -> None:
        """Keep what became of a command where the portal does not take that in, for `status`."""
        known = self._folder.read(REFUSED_OUTCOMES).get("outcomes", [])
        others = [one for one in known if one["id"] != outcome["id"]]
        noted = {"at": clock.format_time(clock.now()), "portal": code} | {
            name: outcome[name] for name in ("id", "n", "state", "code")
        }
        self._folder.write(REFUSED_OUTCOMES, {"outcomes": [*others, noted][-_MOST_NOTED:]})

    def _forget_facts(self, content: Mapping[str, Any]) -> None:
        """Note which facts a refused report has, and whether it had nothing else. Of those that
        were refused before, a report had only that they are not reported."""
        position = self.position
        before = position.get("refused", {})
        new = {name for name in gateway_facts.NAMES if name in content and name not in before}
        known = {name: one for name, one in position.get("facts", {}).items() if name not in new}
        refused = before | dict.fromkeys(sorted(new), bool(content.get("alone")))
        self._folder.write(POSITION, {**position, "facts": known, "refused": refused})

    def _adopt(self) -> None:
        """Finish what a process that was killed had begun."""
        outgoing = self.outgoing
        if outgoing is not None and outgoing.n < self.next_n:
            self._clean_up(outgoing)
        for path in list(self._files()):
            for sequence in read_object(path).get("drops", ()):
                self._path(sequence).unlink(missing_ok=True)
        newest = next(reversed(list(self._files())), None)
        if newest and _sequence(newest) > self.position.get("sequence", 0):
            self._folder.write(POSITION, read_object(newest)["position"])

    def _clean_up(self, report: Outgoing) -> None:
        self._path(report.sequence).unlink(missing_ok=True)
        (self._folder.path / OUTGOING).unlink(missing_ok=True)

    def _overflow(self, size: int) -> list[Path]:
        """The oldest files that have to go for a new one; never the one that was signed."""
        outgoing = self.outgoing
        files = list(self._files())
        free = self._most - size - sum(path.stat().st_size for path in files)
        dropped: list[Path] = []
        for path in files:
            if free >= 0:
                break
            if outgoing is None or _sequence(path) != outgoing.sequence:
                dropped.append(path)
                free += path.stat().st_size
        return dropped

    def _last(self) -> int:
        newest = next(reversed(list(self._files())), None)
        return max(int(self.position.get("sequence", 0)), _sequence(newest) if newest else 0)

    def _path(self, sequence: int) -> Path:
        return self._folder.journal / f"{sequence:012}.json"

    def _files(self) -> Iterator[Path]:
        # The others are scratch files of a process that was killed.
        yield from sorted(self._folder.journal.glob("[0-9]*.json"))


def _sequence(path: Path) -> int:
    return int(path.stem)
