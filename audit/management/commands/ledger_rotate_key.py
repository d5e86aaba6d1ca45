"""`manage.py ledger_rotate_key`: give the log new keys, by the word of the old ones."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.keys import keyring, rotation
from audit.keys.log_identity import LedgerIdentityError
from audit.keys.rotation import Rotation, RotationRefused
from audit.management.system_checks_for_data_commands import OF_DATA
from audit.sequencing import sequencer


class Command(BaseCommand):
    """Begin or end a change of the log's keys."""

    help = (
        "Make new log keys that sign next to the old ones; with --finish, let the new ones sign "
        "alone. Between the two, hand the new keys to verifiers and witnesses."
    )
    requires_system_checks = OF_DATA

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--finish", action="store_true", help="let the new keys sign alone")
        parser.add_argument("--status", action="store_true", help="say where it stands")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["status"]:
                self._status()
            elif options["finish"]:
                self._finished(rotation.finish())
            else:
                self._started(rotation.start())
        except (RotationRefused, LedgerIdentityError, sequencer.SequencerStopped) as error:
            raise CommandError(str(error)) from None

    def _started(self, rotation: Rotation) -> None:
        self.stdout.write(f"From size {rotation.since} on these keys sign next to the old ones:")
        for one in rotation.new:
            self.stdout.write(one.vkey)
        self.stdout.write(
            "The old keys have signed for them: /log/keys. Give them to witnesses and verifiers, "
            "then run ledger_rotate_key --finish."
        )

    def _finished(self, rotation: Rotation) -> None:
        for one in rotation.old:
            self.stdout.write(
                f"The {one.key.algorithm} key {one.key.key_id.hex()} signs no more; its last tree "
                f"has {one.until} entries."
            )
        self.stdout.write("Its seed is gone from here; take it out of backups when you may.")

    def _status(self) -> None:
        for one in keyring.read().periods:
            end = "signs" if one.until is None else f"signed until size {one.until}"
            self.stdout.write(
                f"{one.key.algorithm} {one.key.key_id.hex()} {end}, from size {one.since} on"
            )
