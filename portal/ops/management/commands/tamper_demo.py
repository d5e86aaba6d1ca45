"""`make tamper-demo`: an owner's edit, seen by the verifier, on a copy of the database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.management.system_checks_for_data_commands import OF_DATA
from audit.verification import tampered_copy


class Command(BaseCommand):
    help = "Edit one row in a copy of the database and verify the copy."
    requires_system_checks = OF_DATA

    def handle(self, *args: Any, **options: Any) -> None:
        """Green before the edit, red at the edited index after it; the real data is not touched."""
        try:
            with tampered_copy.copy_of_database() as copy:
                self.stdout.write("A copy of the database. Verifying it untouched:")
                self._verify(copy)
                edit = tampered_copy.edit_middle_entry(copy)
                self.stdout.write(f"\nEntry #{edit.index} edited in the copy, past its trigger:")
                self.stdout.write(f'  was  "outcome":"{edit.was}"\n  now  "outcome":"{edit.now}"\n')
                self.stdout.write("\nVerifying the edited copy:")
                code = self._verify(copy)
        except tampered_copy.NotPossible as error:
            raise CommandError(str(error)) from None
        if code == 0:
            raise CommandError("The edit was not found. That must never happen; please report it.")
        self.stdout.write(self.style.SUCCESS(f"\nFound, as it must be. Exit code {code}."))

    def _verify(self, copy: Path) -> int:
        code, report = tampered_copy.verify(copy)
        for problem in report.get("problems", []):
            where = "" if problem["index"] is None else f"index {problem['index']}: "
            self.stdout.write(f"{problem['code']}: {where}{problem['message']}")
        entries = f"{report.get('checked', 0)} of {report.get('size', 0)} entries checked."
        if code == 0:
            self.stdout.write(self.style.SUCCESS(f"Verified: {entries}"))
        else:
            self.stdout.write(self.style.ERROR(f"The ledger does NOT verify: {entries}"))
            self.stdout.write(f"First: {report.get('first_bad') or report.get('error', '')}")
        return code
