"""`manage.py import_defenseclaw PATH`: take in what DefenseClaw recorded."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from audit import importing
from audit.importing import defenseclaw_seals
from audit.importing.mapping import row_actors
from audit.importing.quarantine.writer import REASONS
from audit.management.system_checks_for_data_commands import OF_DATA


class Command(BaseCommand):
    """Import every evidence row of a DefenseClaw audit database."""

    help = (
        "Import every evidence row of a DefenseClaw audit database (any generation, opened "
        "read-only). Run it as often as you like: rows already imported are counted as duplicates."
    )
    requires_system_checks = OF_DATA

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument(
            "path", type=Path, metavar="PATH", help="such as ~/.defenseclaw/audit.db"
        )
        parser.add_argument(
            "--instance",
            default="",
            metavar="NAME",
            help="which gateway it is (default: file name)",
        )
        parser.add_argument(
            "--key-file",
            type=Path,
            metavar="FILE",
            help="key to check row seals with (default: redaction-correlation.key next to PATH)",
        )
        parser.add_argument(
            "--json", action="store_true", help="print the counts as JSON on the last line"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = self._run(options)
        except importing.ImportRefused as refused:
            raise CommandError(str(refused), returncode=2) from None
        except importing.ImportRunning:
            raise CommandError(
                "Another import for this instance is running; wait for it."
            ) from None
        except importing.SourceLost as lost:
            raise CommandError(
                f"The database became unreadable ({lost}). What was imported so far stays; run the "
                "command again to go on."
            ) from None
        except KeyboardInterrupt:
            raise CommandError(
                "Stopped. Finished batches stay; run the command again to go on.", returncode=130
            ) from None
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json()))
        else:
            self._say(report)

    def _run(self, options: dict[str, Any]) -> importing.ImportReport:
        with tqdm(unit="row", unit_scale=True, disable=not sys.stderr.isatty()) as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            return importing.run(
                options["path"].expanduser(),
                options["instance"],
                key_file=options["key_file"],
                progress=progress,
            )

    def _say(self, report: importing.ImportReport) -> None:
        total = report.total
        rate = total.rows / report.seconds if report.seconds else 0
        self.stdout.write(
            f"{report.instance}: {total.rows:,} rows read in {report.seconds:.1f} s "
            f"({rate:,.0f} a second)."
        )
        self.stdout.write(
            self.style.SUCCESS(
                f"  {total.imported:,} imported, {total.duplicates:,} known before, "
                f"{total.quarantined:,} set aside."
            )
        )
        for table, counts in report.by_table.items():
            self.stdout.write(f"    {table}: {counts.rows:,} rows, {counts.imported:,} imported")
        if others := {table: n for table, n in report.not_imported.items() if n}:
            named = ", ".join(f"{table} ({number:,})" for table, number in others.items())
            self.stdout.write(f"    not imported, as they hold no events: {named}")
        for reason, number in sorted(report.reasons.items()):
            self.stdout.write(
                self.style.WARNING(f"  Set aside: {number:,} with {REASONS[reason]} ({reason}).")
            )
        self._say_changes(report)
        if report.misused:
            self.stdout.write(
                self.style.ERROR(
                    f"  {report.misused:,} rows have the tag of a decision that was made for "
                    "another row; search for action:defenseclaw.tag_misused."
                )
            )
        self._say_seals(report)
        self._say_actors(report)

    def _say_changes(self, report: importing.ImportReport) -> None:
        if acknowledged := report.changed["acknowledged_in_place"]:
            self.stdout.write(
                f"  {acknowledged:,} rows lost their severity to an acknowledgement since they "
                "were imported; the first-seen severity is kept."
            )
        if altered := report.changed["content"]:
            self.stdout.write(
                self.style.ERROR(
                    f"  {altered:,} rows have other content than when they were imported; search "
                    "for action:defenseclaw.row_changed."
                )
            )

    def _say_seals(self, report: importing.ImportReport) -> None:
        if not report.integrity:
            return
        found = ", ".join(
            f"{report.integrity[status]:,} {status}"
            for status in defenseclaw_seals.STATUSES
            if report.integrity[status]
        )
        bad = report.mismatches or any(report.integrity[s] for s in defenseclaw_seals.BROKEN)
        style = self.style.ERROR if bad else str
        self.stdout.write(style(f"  Row seals: {found}."))
        if report.mismatches:
            self.stdout.write(
                style(f"  {report.mismatches:,} rows have columns that contradict their record.")
            )

    def _say_actors(self, report: importing.ImportReport) -> None:
        if report.provenance:
            found = ", ".join(
                f"{report.provenance[word]:,} {word}"
                for word in row_actors.PROVENANCES
                if report.provenance[word]
            )
            self.stdout.write(f"  Who acted: {found}.")
        if report.masked:
            self.stdout.write(f"  {report.masked:,} secrets were masked.")
