"""`manage.py replay_erasures`: after a restore, erase again what the database lacks."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from approvals.erasure import erasure_list_file, replay
from audit.management.system_checks_for_data_commands import OF_DATA


class Command(BaseCommand):
    """Run it after a restore, before the portal starts; the worker does the same automatically."""

    help = "Erase again everyone who was erased after the database at hand was backed up."
    requires_system_checks = OF_DATA

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = replay.run_due()
        except erasure_list_file.TombstonesDamaged as damaged:
            raise CommandError(str(damaged)) from None
        if left := replay.unfinished():
            raise CommandError(f"{left} erasures wait: {replay.waits_for()}. Run it again.")
        noun = "erasure" if done == 1 else "erasures"
        self.stdout.write(f"Replayed {done} {noun}; nothing is left to erase again.")
