"""`manage.py doctor`: what is wrong in this installation, and its repair on request."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from django.core.management.base import BaseCommand

from portal.ops.doctor_checks import (
    demo_decisions_and_forged_rows,
    exposed_files_and_sessions,
    manifest_gains_without_approval,
    suspensions_lifted_without_approval,
    unconfirmed_roles,
    working_parts,
)
from portal.ops.doctor_checks.leftover_type import Leftover

CHECKS: tuple[Callable[[], Iterator[Leftover]], ...] = (
    working_parts.check_settings,
    working_parts.check_storage,
    working_parts.check_log,
    working_parts.check_worker,
    working_parts.check_issuer,
    working_parts.check_gateways,
    working_parts.check_mail,
    exposed_files_and_sessions.check_modes,
    exposed_files_and_sessions.check_sessions,
    unconfirmed_roles.check,
    suspensions_lifted_without_approval.check,
    manifest_gains_without_approval.check,
    demo_decisions_and_forged_rows.check_sample_decisions,
    demo_decisions_and_forged_rows.check_forged_rows,
)


class Command(BaseCommand):
    """Reads; with --mend it asks before each repair. Exit 1 where something is left to do."""

    help = (
        "Check whether the parts of this installation work, and for what earlier versions left; "
        "--mend repairs after asking."
    )
    requires_system_checks = ()  # what they find is listed with the rest

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--mend", action="store_true", help="ask before each repair, do it")
        parser.add_argument("--yes", action="store_true", help="with --mend: do not ask")
        parser.add_argument("--json", action="store_true", help="print one JSON list")

    def handle(self, *args: Any, **options: Any) -> None:
        found = list(working_parts.check_database())  # without it nothing else can be read
        found = found or [one for check in CHECKS for one in check()]
        if options["json"]:
            self.stdout.write(json.dumps([one.as_json() for one in found], ensure_ascii=False))
            sys.exit(1 if found else 0)
        left = sum(not self._show(one, **options) for one in found)
        if not found:
            self.stdout.write("Nothing found.")
        elif left:
            self.stdout.write(f"\n{left} of {len(found)} left to do.")
        sys.exit(1 if left else 0)

    def _show(self, one: Leftover, **options: Any) -> bool:
        """Print it; True where it was repaired."""
        self.stdout.write(f"{one.check}: {one.detail}")
        if one.mend is None or not options["mend"]:
            self.stdout.write(f"  → {one.fix}" + (" (--mend)" if one.mend else ""))
            return False
        if not options["yes"] and input(f"  {one.fix} Do it? [y/N] ").strip().lower() != "y":
            return False
        self.stdout.write(f"  Done: {one.mend()}.")
        return True
