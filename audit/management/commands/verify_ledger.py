"""`manage.py verify_ledger`: exit 0 only if everything holds, 1 if not or nothing was verified."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseFailure
from tqdm import tqdm

from audit.management.system_checks_for_data_commands import OF_DATA
from audit.verification import verify


class _Bar(tqdm):  # type: ignore[type-arg]
    """A bar without its watching thread: a process that has one cannot be forked."""

    monitor_interval = 0


class Command(BaseCommand):
    """Verify every entry, opening, search row, tile, checkpoint and trigger."""

    help = "Verify the ledger; exit 0 only if everything holds, else name the first bad index."
    requires_system_checks = OF_DATA

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--from", dest="start", type=int, default=0, metavar="N")
        parser.add_argument(
            "--tree", action="store_true", help="only entries, tree and checkpoints, all hashed"
        )
        parser.add_argument(
            "--processes",
            type=int,
            default=len(os.sched_getaffinity(0)),
            metavar="N",
            help="how many share the work (default: one for each processor)",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with _Bar(unit="entry", unit_scale=True, disable=not sys.stderr.isatty()) as bar:

                def progress(checked: int, total: int) -> None:
                    bar.total = total
                    bar.update(checked - bar.n)

                report = verify.run(
                    start=options["start"],
                    progress=progress,
                    processes=options["processes"],
                    tree_only=options["tree"],
                )
        except verify.OutsideLog as error:
            if options["json"]:
                self.stdout.write(json.dumps({"ok": False, "error": str(error)}))
            raise CommandError(str(error), returncode=2) from None
        except DatabaseFailure as error:
            said = f"Nothing is verified: the database did not answer: {error}"
            as_json = json.dumps({"ok": False, "error": said})
            self.stdout.write(as_json if options["json"] else self.style.ERROR(said))
            sys.exit(1)
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json()))
        else:
            self._say(report)
        if not report.ok:
            sys.exit(1)

    def _say(self, report: verify.Report) -> None:
        for problem in report.problems:
            self.stdout.write(f"{problem.code}: {problem}")
        if report.problem_count > len(report.problems):
            self.stdout.write(f"… and {report.problem_count - len(report.problems)} more")
        for said in report.notes:
            self.stdout.write(f"{said.code}: {said} (no finding)")
        counted = (
            f"{report.checked} of {report.size} entries and {report.checkpoints} checkpoints "
            f"checked, {report.pending} events wait for a leaf."
        )
        if report.ok:
            self.stdout.write(self.style.SUCCESS(f"Verified: {counted}"))
        else:
            self.stdout.write(self.style.ERROR(f"The ledger does NOT verify: {counted}"))
            self.stdout.write(f"First: {report.first_bad}")
