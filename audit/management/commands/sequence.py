"""`manage.py sequence`: run the sequencer once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.keys import log_identity
from audit.management.system_checks_for_data_commands import OF_DATA
from audit.sequencing import sequencer


class Command(BaseCommand):
    """Give every waiting event its leaf and sign the tree."""

    help = "Run the sequencer once: give every waiting event its leaf and sign the tree."
    requires_system_checks = OF_DATA

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            result = sequencer.run_once()
        except (sequencer.SequencerStopped, log_identity.LedgerIdentityError) as error:
            raise CommandError(f"The sequencer refuses to sign: {error}") from None
        if result.busy:
            self.stdout.write("Another process is sequencing; nothing to do here.")
            return
        noun = "event" if result.sequenced == 1 else "events"
        self.stdout.write(f"Sequenced {result.sequenced} {noun}; the tree holds {result.size}.")
