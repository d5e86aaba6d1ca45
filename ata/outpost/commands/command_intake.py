"""Takes in what the portal sent: verifies each command, and journals all before the first one is
carried out, what restricts first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from ata.outpost.commands import human_evidence, signed_command
from ata.outpost.commands.command_execution import MOST_DETAIL, Executor
from ata.outpost.commands.command_journal import CommandJournal
from ata.outpost.commands.command_journal_queries import Progress
from ata.outpost.commands.log_checkpoints import FORKED, LogForked
from ata.outpost.commands.signed_command import Command, CommandRefused


class Intake:
    """The commands of one outpost, from envelope to outcome."""

    def __init__(
        self,
        journal: CommandJournal,
        executor: Executor,
        pins: Mapping[str, Any],
        outpost: str,
        instance: str,
    ) -> None:
        self._journal, self._executor, self._pins = journal, executor, pins
        self._outpost, self._instance = outpost, instance

    def take(self, envelopes: Iterable[Any], look: Callable[[], Iterable[Any]] = tuple) -> int:
        """Accept or refuse commands in their order, then carry out what is open.

        Returns: how many were new.
        """
        new = sum(self._accept(one) for one in envelopes)
        self.carry_out(look)
        return new

    def carry_out(self, look: Callable[[], Iterable[Any]] = tuple) -> None:
        """Carry out what was accepted and is not concluded, also before a crash.

        Args:
            look: gives the commands that arrived meanwhile, before each further one.
        """
        tried: set[str] = set()
        known = self._journal.history.open
        while known.keys() - tried:
            for envelope in look() if tried else ():
                self._accept(envelope)
            progress = min((one for id_, one in known.items() if id_ not in tried), key=_turn)
            tried.add(progress.command.id)
            self._executor.carry_out(progress)

    def _accept(self, envelope: Any) -> bool:
        """Journal one command as accepted or refused; False where it is known already."""
        if not isinstance(envelope, dict):
            return False
        number, signed_n = _claimed(envelope), 0
        try:
            document = signed_command.signed(envelope, str(self._pins["hold_key"]))
            signed_n = number[1] if signed_command.may_be_issued(number[1]) else 0
            command = signed_command.parse(document, self._outpost, self._instance)
            if self._is_known(command):
                return False
            said = self._check(command, envelope.get("evidence"))
        except CommandRefused as refused:
            if isinstance(refused, LogForked):
                self._journal.write("log_forked", checkpoint=refused.checkpoint)
            return self._refuse(*number, signed_n, refused, _about(envelope))
        self._journal.write("accepted", command=asdict(command), **said)
        return True

    def _is_known(self, command: Command) -> bool:
        """Whether it was taken in before; then its outcome is reported again."""
        history = self._journal.history
        if command.id in history.open:
            return True
        known = history.outcomes.get(command.id)
        if known is None or known["n"] != command.n or known["code"] in _NOT_ITS_OWN:
            return False
        if command.id not in history.unreported:
            self._journal.write("report_again", ids=[command.id])
        return True

    def _check(self, command: Command, evidence: object) -> dict[str, Any]:
        """What the journal says of a command besides itself.

        Raises:
            CommandRefused: it is not carried out.
        """
        history = self._journal.history
        target = history.target(command.target)
        waiting = [
            one.command for one in history.open.values() if one.command.target == command.target
        ]
        if command.n <= max([target.newest, *(one.n for one in waiting)]):
            raise CommandRefused("older_command", "It is not newer than what was carried out.")
        if command.is_restricting:
            return {"awaits_log": True} if history.seen.is_proven else {}
        if history.was_changed:
            detail = "The journal of this outpost was changed by others, so it ends no hold."
            raise CommandRefused("journal_changed", detail)
        if history.forked_at:
            raise CommandRefused("log_forked", FORKED)
        proven = human_evidence.verify(command, evidence, self._pins, history.seen)
        used = {(one.act, one.intent_hash) for one in waiting if not one.is_restricting}
        if (command.act, command.intent_hash) in target.used | used:
            raise CommandRefused("used_intent", "This decision was carried out before.")
        # A later entry over the same signature would name a later time.
        if target.accepted.get(command.intent_hash, command.n) < target.newest_restricting:
            detail = "This decision was used before the hold or block that stands."
            raise CommandRefused("used_intent", detail)
        if not _is_later(proven.decided_at, target.restricted_at):
            detail = "The decision is older than the hold or block that stands."
            raise CommandRefused("too_old", detail)
        return {"denied": proven.denied, "seen": asdict(proven.seen)}

    def _refuse(
        self, id_: str, n: int, signed_n: int, refused: CommandRefused, about: dict[str, str]
    ) -> bool:
        if not id_ or not n:
            return False
        if id_ in self._journal.history.open or not self._is_new(id_, signed_n):
            return False
        outcome = {
            "id": id_,
            "n": n,
            "state": "refused",
            "code": refused.code,
            "detail": refused.detail[:MOST_DETAIL],
            "exit": None,
            "seconds": 0,
            "entries": None,
            "left": [],
        }
        self._journal.write("refused", signed_n=signed_n, about=about, outcome=outcome)
        return True

    def _is_new(self, id_: str, signed_n: int) -> bool:
        """Whether no outcome of that id is of this number or a later one: a step that is tried
        again has another command, which needs a separate result."""
        known = self._journal.history.outcomes.get(id_)
        if known is None:
            return True
        if not signed_n or signed_n == known["n"]:
            return False
        return known["code"] in _NOT_ITS_OWN or signed_n > int(known["n"])


_NOT_ITS_OWN: Final = ("not_a_command", "signature_refused")
"""Refusals of something that only claims to be the command of that id."""


def _turn(progress: Progress) -> tuple[bool, bool, int]:
    """What restricts is first, and of that what takes the gateway's API alone: it answers at once,
    and its command line takes seconds. Commands about one component keep their order."""
    command = progress.command
    takes_seconds = command.is_restricting and command.kind in signed_command.WITH_FILES
    return not command.is_restricting, takes_seconds, command.n


def _claimed(envelope: Mapping[str, Any]) -> tuple[str, int]:
    """The id and number that an envelope claims, as far as a report can repeat them."""
    command = envelope.get("command")
    found = command if isinstance(command, dict) else {}
    id_, n = found.get("id"), found.get("n")
    # One result of another form would have the portal refuse the whole report.
    text = isinstance(id_, str) and signed_command.ID.fullmatch(id_)
    number = isinstance(n, int) and not isinstance(n, bool) and 0 < n < 2**53
    return (str(id_) if text else "", n if number and isinstance(n, int) else 0)


def _about(envelope: Mapping[str, Any]) -> dict[str, str]:
    """What an envelope claims to be about, for a person who asks."""
    command = envelope.get("command")
    found = command if isinstance(command, dict) else {}
    texts = {name: found.get(name) for name in ("act", "kind", "name")}
    return {
        name: "".join(one if one.isprintable() else "?" for one in text)[:255]
        for name, text in texts.items()
        if isinstance(text, str)
    }


def _is_later(decided_at: str, restricted_at: str) -> bool:
    if not restricted_at:
        return True
    try:
        return datetime.fromisoformat(decided_at) >= datetime.fromisoformat(restricted_at)
    except (ValueError, TypeError):
        return False
