"""`manage.py rebuild_projection`: rebuild search rows, full-text index and counts."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from audit.db import process_locks
from audit.management.system_checks_for_data_commands import OF_DATA
from audit.search import projection


class Command(BaseCommand):
    """Rebuild everything that search reads; the portal and the worker may go on."""

    help = "Rebuild search rows, full-text index and counts from the ledger, while the portal runs."
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
        try:
            self.stdout.write(f"{projection.rebuild()} rows rebuilt.")
        except process_locks.Busy as busy:
            self.stderr.write(f"{busy}. Try again when it is done.")
            raise SystemExit(1) from None
