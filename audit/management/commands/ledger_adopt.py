"""`manage.py ledger_adopt`: go on after a restore or failover that lost signed entries."""

from __future__ import annotations

import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.keys import restored_database_adoption
from audit.keys.log_identity import LedgerIdentityError
from audit.keys.restored_database_adoption import Adoption, AdoptionRefused, Found
from audit.management.system_checks_for_data_commands import OF_DATA
from audit.sequencing import sequencer


class Command(BaseCommand):
    """Say how the database differs from what was signed and, with --yes, go on from it."""

    help = (
        "Compare the database with what was signed. With --yes and --reason, adopt the database: "
        "signing goes on above every size that was signed before, and the log tells of it."
    )
    requires_system_checks = OF_DATA

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--yes", action="store_true", help="adopt it")
        parser.add_argument("--reason", default="", help="why, in words; stands in the log")

    def handle(self, *args: Any, **options: Any) -> None:
        reason = options["reason"].strip()
        try:
            found = restored_database_adoption.find()
            self._say(found)
            if not found.why:
                return
            if not options["yes"] or not reason:
                raise CommandError("Nothing was changed. To adopt it: --yes --reason WHY.")
            self._adopted(restored_database_adoption.adopt(reason, getpass.getuser()))
        except (AdoptionRefused, LedgerIdentityError, sequencer.SequencerStopped) as error:
            raise CommandError(str(error)) from None

    def _adopted(self, made: Adoption) -> None:
        self.stdout.write(
            f"Adopted. The next checkpoint is signed above size {made.signed_size}. It will be "
            f"inconsistent with the checkpoint of {made.signed_size} and every other of the lost "
            "part: who holds one can prove it, and witnesses will refuse this log."
        )

    def _say(self, found: Found) -> None:
        for head in (found.database, found.signed):
            if head is not None:
                self.stdout.write(f"{head.source}: {head.size} entries, root {head.root.hex()}")
        if found.objection:
            self.stdout.write(
                f"Signing is stopped: {found.objection}. Adopting does not change that: nothing "
                "is signed until the witness agrees."
            )
        if found.why:
            self.stdout.write(f"They do not agree: {found.why}.")
        else:
            self.stdout.write("The database holds everything that the state file says was signed.")
