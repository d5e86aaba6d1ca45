"""`manage.py rebuild_projection`: make search rows, full-text index and rollups anew."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from audit import locks, projection
from audit.management.of_data import OF_DATA


class Command(BaseCommand):
    """Rebuild everything that search reads from events, openings and entries."""

    help = "Make search rows, full-text index and rollups anew from the ledger."
    requires_system_checks = OF_DATA

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument(
            "--if-stale",
            action="store_true",
            help="do nothing unless this version words or indexes events otherwise than the last",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["if_stale"] and not projection.stale():
            return
        with locks.sequencer_lock() as held:
            if not held:
                self.stderr.write("The sequencer is running; stop the worker and try again.")
                raise SystemExit(1)
            self.stdout.write(f"{projection.rebuild()} rows rebuilt.")
