"""`manage.py checkpoint`: print the current signed checkpoint."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.management.system_checks_for_data_commands import OF_DATA
from audit.proofs import proofs_and_tiles


class Command(BaseCommand):
    """Print the newest signed checkpoint (C2SP signed note)."""

    help = "Print the newest signed checkpoint; --key prints the keys that verify it instead."
    requires_system_checks = OF_DATA

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--key", action="store_true", help="print the verifier keys")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["key"]:
            self.stdout.write("\n".join(proofs_and_tiles.vkeys()))
            return
        try:
            self.stdout.write(proofs_and_tiles.checkpoint_note(), ending="")
        except proofs_and_tiles.NotSequenced as error:
            raise CommandError(str(error)) from None
