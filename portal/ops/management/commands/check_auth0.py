"""`manage.py check_auth0`: what in the configured tenant is not as this portal needs it."""

from __future__ import annotations

import json
import sys
import textwrap
from collections import Counter
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from approvals import auth0_clients
from portal.ops.auth0_checks.check_result import Finding, Status
from portal.ops.auth0_checks.examine import Portal, examine, failed

_WIDTH = 100
_INDENT = 13


class Command(BaseCommand):
    """Read-only: asks the tenant and prints; exit 1 when something is bad."""

    help = "Check the Auth0 tenant against what the portal needs; exit 1 if anything is bad."
    requires_system_checks = ()

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON list")

    def handle(self, *args: Any, **options: Any) -> None:
        env = settings.ENV
        portal = Portal(
            env.portal_url, env.STEP_UP_EXPIRY_S, bool(env.secret("AUTH0_LOG_STREAM_TOKEN"))
        )
        findings = examine(auth0_clients.auth0(), auth0_clients.outbound(), portal)
        if options["json"]:
            body = [finding.as_json() for finding in findings]
            self.stdout.write(json.dumps(body, ensure_ascii=False))
        else:
            self._say(findings)
        if failed(findings):
            sys.exit(1)

    def _say(self, findings: list[Finding]) -> None:
        style = {
            Status.OK: self.style.SUCCESS,
            Status.WARN: self.style.WARNING,
            Status.BAD: self.style.ERROR,
        }
        for finding in findings:
            word = f"{finding.status.value:<{_INDENT}}"
            paint = style.get(finding.status)
            lines = _wrapped(f"{finding.check}: {finding.detail}")
            self.stdout.write((paint(word) if paint else word) + lines[0])
            for line in lines[1:] + (_wrapped(f"→ {finding.fix}") if finding.fix else []):
                self.stdout.write(" " * _INDENT + line)
        count = Counter(finding.status for finding in findings)
        parts = ", ".join(f"{count[status]} {status.value}" for status in Status)
        self.stdout.write(f"\n{parts}.")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH - _INDENT, break_long_words=False, break_on_hyphens=False)
