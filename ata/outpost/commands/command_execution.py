"""Carries out one accepted command: journal, call, journal, read back, conclude.

What a call answers is recorded and proves nothing; the gateway's entries do. Whatever kills this
process in between, `carry_out` is called again: what restricts is repeated where the entries do not
show it, a call that relaxes or moves files is never made twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Final

from ata.outpost.commands import gateway_call_plan, target_entries
from ata.outpost.commands.command_journal import CommandJournal
from ata.outpost.commands.command_journal_queries import Added, Place, Progress
from ata.outpost.commands.gateway_call_plan import WayBack
from ata.outpost.commands.gateway_calls import Call, Gateway
from ata.outpost.commands.signed_command import WITH_FILES, Command, CommandRefused
from ata.outpost.commands.target_entries import EntriesUnreadable, Rows

MOST_DETAIL: Final = 500
"""Characters of a detail that the portal takes."""
_MOST_ROWS: Final = 200
_TRIES: Final = 3
_FIRST_PAUSE_S: Final = 0.5
_MOVES_FILES: Final = Call("quarantine")
_ORPHAN_S: Final = 20.0
"""So long a call of a killed process may still run."""
_UNREADABLE: Final = "What the gateway's database has now could not be read."


@dataclass(slots=True)
class _Round:
    """What the calls of one round said."""

    down: bool = False
    refused: CommandRefused | None = None


class Executor:
    """Carries out the commands of one journal at one gateway."""

    def __init__(
        self,
        journal: CommandJournal,
        gateway: Gateway,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._journal, self._gateway, self._pause = journal, gateway, pause

    def carry_out(self, progress: Progress) -> None:
        """Carry out a command that was accepted, or go on with it after a crash."""
        command = progress.command
        if progress.is_failing and not self._gateway.is_up():
            return
        newest = self._journal.history.target(command.target).newest
        if newest > command.n:
            why = "A newer command about the same component was carried out."
            self._conclude(progress, "refused", "older_command", why)
            return
        try:
            if command.is_restricting:
                self._restrict(progress)
            else:
                self._relax(progress)
        except EntriesUnreadable:
            self._conclude(progress, "unproven", "entries_unreadable", _UNREADABLE)

    def _restrict(self, progress: Progress) -> None:
        command = progress.command
        calls = gateway_call_plan.restricting(command)
        stands = self._read_now(progress)
        moves_already = _MOVES_FILES.name in progress.started and not progress.is_failing
        if progress.started:
            calls = gateway_call_plan.missing(command, stands or [])
        else:
            progress.before = stands
        rows: Rows = []
        said = _Round()
        # Asked before: a call may be what ends the gateway, and is not made again for ever then.
        was_down = command.kind in WITH_FILES and not self._gateway.is_up()
        for n in range(_TRIES):
            said = self._make(progress, _not_twice(progress, calls))
            if n == 0 and moves_already:
                self._wait_for_files(command)
            rows = self._read_back(progress)
            calls = gateway_call_plan.missing(command, rows)
            said.down = said.down or was_down
            if not calls or said.down or said.refused:
                break
            if n + 1 < _TRIES:
                self._pause(_FIRST_PAUSE_S * 2**n)
        self._conclude_restricting(progress, calls, said, rows)

    def _conclude_restricting(
        self, progress: Progress, lacks: Sequence[Call], said: _Round, rows: Rows
    ) -> None:
        verbs = {call.verb for call in lacks}
        if said.refused is not None:
            self._conclude(progress, "refused", said.refused.code, said.refused.detail, rows)
        elif not verbs:
            self._conclude(progress, "done", "", "", rows)
        elif said.down:
            why = "The gateway does not answer on this host. The outpost tries on."
            if not progress.is_failing:
                outcome = _outcome(progress, "failed", "gateway_down", why, rows)
                self._journal.write("failing", outcome=outcome)
        elif verbs == {"disable"} and progress.command.act == "block":
            why = "It is blocked, and the gateway shows no runtime disable: nothing stops it now."
            self._conclude(progress, "done", "not_disabled", why, rows)
        else:
            why = f"The gateway's entries do not show it: {', '.join(sorted(verbs))}."
            self._conclude(progress, "failed", "not_applied", why, rows)

    def _wait_for_files(self, command: Command) -> None:
        """Wait while a quarantine that a killed process had begun may still move files."""
        waited = 0.0
        while waited < _ORPHAN_S:
            rows = target_entries.read(self._gateway.data, command.target)
            if _MOVES_FILES not in gateway_call_plan.missing(command, rows):
                return
            self._pause(1.0)
            waited += 1.0

    def _relax(self, progress: Progress) -> None:
        way = self._wait_for_orphans(progress)
        if progress.before is None:
            progress.before = target_entries.read(self._gateway.data, progress.command.target)
        calls = [call for call in way.calls if call.name not in progress.started]
        interrupted = len(calls) < len(way.calls)
        said = self._make(progress, calls)
        rows = self._read_back(progress)
        after = self._way_back(progress, rows)
        left = list(after.left)
        if said.refused is not None:
            code, why = said.refused.code, said.refused.detail
            self._conclude(progress, "refused", code, why, rows, left)
        elif way.is_disabled_by_others:
            why = "Others disabled it for all agents, so the gateway would not take an allow."
            self._conclude(progress, "failed", "disabled_by_others", why, rows, left)
        elif way.replaced and not after.calls:
            why = f"It replaced a {way.replaced} that others had added."
            self._conclude(progress, "done", "replaced_others", why, rows, left)
        elif not after.calls:
            did = way.calls or progress.started or progress.command.act == "allow"
            code = "" if did else "nothing_of_ours"
            why = "Nothing that this portal added stands there." if code else ""
            if code and left:
                why = "Not lifted: what stands there is not known as added by this portal for it."
            self._conclude(progress, "done", code, why, rows, left)
        elif said.down:
            why = "The gateway does not answer on this host."
            self._conclude(progress, "failed", "gateway_down", why, rows, left)
        else:
            code = "interrupted" if interrupted else "not_applied"
            why = f"The gateway's entries still need: {', '.join(one.name for one in after.calls)}."
            self._conclude(progress, "failed", code, why, rows, left)

    def _wait_for_orphans(self, progress: Progress) -> WayBack:
        """The way back from now; what a killed process had begun may end meanwhile."""
        waited = 0.0
        while True:
            rows = target_entries.read(self._gateway.data, progress.command.target)
            way = self._way_back(progress, rows)
            if waited >= _ORPHAN_S or not any(one.name in progress.started for one in way.calls):
                return way
            self._pause(1.0)
            waited += 1.0

    def _way_back(self, progress: Progress, rows: Rows) -> WayBack:
        history = self._journal.history.target(progress.command.target)
        return gateway_call_plan.way_back(progress.command, history, progress.denied, rows)

    def _make(self, progress: Progress, calls: Sequence[Call]) -> _Round:
        """Make calls one after the other, each journalled before and after."""
        command, said = progress.command, _Round()
        for call in calls:
            self._journal.write("started", id=command.id, call=call.name, before=progress.before)
            began = time.monotonic()
            code = None
            try:
                ended = self._gateway.make(call, command)
                code, said.down = ended.exit, said.down or not ended.reached
            except CommandRefused as refused:
                said.refused = refused
            spent = int((time.monotonic() - began) * 1000)
            self._journal.write("ended", id=command.id, exit=code, milliseconds=spent)
            if said.refused and not command.is_restricting:
                break
        return said

    def _read_now(self, progress: Progress) -> Rows | None:
        """The entries before a hold or block, which an unreadable database does not delay."""
        try:
            return target_entries.read(self._gateway.data, progress.command.target)
        except EntriesUnreadable:
            return None

    def _read_back(self, progress: Progress) -> Rows:
        """Journal what the target has now, and what of it this command added or ended.

        Raises:
            EntriesUnreadable.
        """
        command = progress.command
        rows = target_entries.read(self._gateway.data, command.target)
        history = self._journal.history.target(command.target)
        found: dict[Place, Added] = {}
        if command.n == history.first_restricting:
            found = target_entries.found_of_portal(progress.before or [])
        ours = found | history.owners
        new = target_entries.added(progress.before, rows, command.all_tags, ours)
        gone = ours.keys() - target_entries.values(rows).keys()
        if progress.before is not None:
            gone |= ours.keys() - target_entries.values(progress.before).keys()
        self._journal.write(
            "read_back",
            id=command.id,
            entries=rows,
            found=[[*place, *astuple(one)] for place, one in found.items()],
            added=[list(one) for one in new],
            gone=[list(one) for one in sorted(gone)],
        )
        return rows

    def _conclude(
        self,
        progress: Progress,
        state: str,
        code: str,
        detail: str,
        rows: Rows | None = None,
        left: Sequence[dict[str, Any]] = (),
    ) -> None:
        outcome = _outcome(progress, state, code, detail, rows, left)
        self._journal.write("concluded", outcome=outcome)


def _not_twice(progress: Progress, calls: Sequence[Call]) -> list[Call]:
    """The calls without a quarantine that was begun before, which is only read back."""
    return [one for one in calls if one != _MOVES_FILES or one.name not in progress.started]


def _outcome(
    progress: Progress,
    state: str,
    code: str,
    detail: str,
    rows: Rows | None,
    left: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """The outcome in the form of a report; `entries` is null where nothing was read."""
    return {
        "id": progress.command.id,
        "n": progress.command.n,
        "state": state,
        "code": code,
        "detail": detail[:MOST_DETAIL],
        "exit": progress.exit,
        "seconds": round(progress.seconds, 3),
        "entries": None if rows is None else rows[:_MOST_ROWS],
        "left": list(left)[:_MOST_ROWS],
    }
