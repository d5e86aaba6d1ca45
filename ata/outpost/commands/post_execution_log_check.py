"""Whether the portal's log has the decision of each hold and block that was carried out.

What restricts waits for no proof. Its decision is looked for in the log afterwards, so that who has
the key of commands and not the log, or leaves a decision out of the log, is noticed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

from ata.outpost.commands import log_checkpoints
from ata.outpost.commands.command_journal import CommandJournal
from ata.outpost.commands.command_journal_queries import History
from ata.outpost.commands.log_checkpoints import LogForked, Seen
from ata.outpost.commands.signed_command import Command, CommandRefused, unb64
from audit.ledger.format import commitment
from audit.ledger.format import entry as entries
from audit.ledger.format.canonical import EntryError
from audit.ledger.format.commitment import Opening

NOT_IN_LOG_AFTER_S: Final = 600.0
AGAIN_S: Final = 30.0
MOST_AT_ONCE: Final = 5
_NAME: Final = "target.name"

type Ask = Callable[[str], dict[str, Any] | None]
"""What the portal answers about the decision of a command; None where it gave no answer."""


class DecisionsInLog:
    """Looks for the decisions of one journal's commands."""

    def __init__(self, journal: CommandJournal, pins: Mapping[str, Any]) -> None:
        self._journal, self._pins = journal, pins
        self._asked_at: dict[str, float] = {}
        self._not_shown_since: dict[str, float] = {}

    def look(self, ask: Ask) -> None:
        """Ask about commands whose decision was not found yet, each at most twice a minute, and
        first about those that were asked about longest ago. Holds wait meanwhile: where the portal
        does not answer, the rest is asked later."""
        now, asked_at = time.monotonic(), self._asked_at
        due = [
            one
            for one in self._journal.history.unproven
            if now - asked_at.get(one, -AGAIN_S) >= AGAIN_S
        ]
        for one in sorted(due, key=lambda id_: asked_at.get(id_, 0.0))[:MOST_AT_ONCE]:
            asked_at[one] = now
            answer = ask(one)
            if answer is None:
                return
            self._judge(one, answer)

    def _judge(self, id_: str, answer: Mapping[str, Any]) -> None:
        history = self._journal.history
        command, now = history.unproven[id_], time.monotonic()
        try:
            seen = verify(command, answer.get("decision"), self._pins, history)
        except LogForked as forked:
            if not history.forked_at:
                self._journal.write("log_forked", checkpoint=forked.checkpoint)
        except CommandRefused as refused:
            since = self._not_shown_since.setdefault(id_, now)
            if id_ not in history.not_in_log and now - since >= NOT_IN_LOG_AFTER_S:
                self._journal.write("not_in_log", id=id_, detail=refused.detail)
        else:
            self._journal.write("in_log", id=id_, seen=asdict(seen))


def verify(command: Command, decision: object, pins: Mapping[str, Any], history: History) -> Seen:
    """Check that the log has a decision about the component of a command, under its operation.

    `decision` has `entry`, `proof` and `consistency` as the evidence of a command that relaxes, and
    `salt` of the component's name in the entry.

    Returns: the checkpoint that shows it.

    Raises:
        CommandRefused: it is not shown; LogForked: the log has two histories.
    """
    if not isinstance(decision, dict):
        raise CommandRefused("not_in_log", "The portal names no entry of its decision.")
    entry, now = log_checkpoints.entry_in_log(decision, pins, history.seen)
    try:
        document = entries.parse(entry)
        salt = unb64(decision.get("salt"))
        sealed = (document["target"] or {}).get("name")
        is_named = isinstance(sealed, dict) and commitment.check(
            sealed[commitment.MARK], Opening(_NAME, "", salt, command.name)
        )
    except (EntryError, ValueError, KeyError) as error:
        raise CommandRefused("not_in_log", f"Its entry cannot be read: {error}.") from error
    family = document["action"].partition(".")[0]
    if not is_named or family != command.kind:
        raise CommandRefused("not_in_log", "Its entry is about another component.")
    if document["operation"] != command.operation or not command.operation:
        raise CommandRefused("not_in_log", "Its entry is about another operation.")
    if document["target"]["instance"] not in ("", command.instance):
        raise CommandRefused("not_in_log", "Its entry is about another gateway.")
    if history.shown_by.get(command.use, command.id) != command.id:
        raise CommandRefused("not_in_log", "Another command was carried out by that decision.")
    return now
