"""`manage.py rotate_evidence_key`: wrap the keys of the evidence store under a new EVIDENCE_KEY."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.models import BreakGlassAccount
from approvals.erasure import approved_scope, erasure_list_file
from approvals.models import person_access_end
from approvals.outbox import seals
from audit.db.durable_files import write_durably
from audit.evidence import subject_keys
from audit.evidence.storage import EvidenceError
from audit.management.system_checks_for_data_commands import OF_DATA
from audit.recording.actors import SYSTEM
from audit.recording.record import record
from connections.access_reviews import queued_job_seals
from enforcement.outposts import issued_commands, sealed_rows

_HOW = (
    "Set EVIDENCE_KEY to a new key (openssl rand -hex 32) and EVIDENCE_KEY_PREVIOUS to the one in "
    "use, restart everything, and run this again."
)
_RESTART = "Restart everything, so that nothing runs with the old key, and run this again."


class Command(BaseCommand):
    """Begin or end a change of EVIDENCE_KEY."""

    help = (
        "Change EVIDENCE_KEY: a generated one is replaced (restart, then run this again); with "
        "EVIDENCE_KEY_PREVIOUS set, every key is wrapped again and the previous one is retired."
    )
    requires_system_checks = OF_DATA

    def handle(self, *args: Any, **options: Any) -> None:
        new, old = settings.EVIDENCE_KEY, settings.EVIDENCE_KEY_PREVIOUS
        if old and old != new:
            self._wrap_again(old)
        elif _generated().exists() and _generated().read_text().strip() == new.hex():
            self._replace_generated()
        else:
            raise CommandError(_HOW)

    def _replace_generated(self) -> None:
        """Writes the old key to its file first, so that a kill in between leaves no key unknown."""
        kept = _generated().with_name("EVIDENCE_KEY_PREVIOUS")
        write_durably(kept, _generated().read_bytes())
        write_durably(_generated(), secrets.token_hex(32).encode())
        self.stdout.write(f"A new EVIDENCE_KEY is in place. {_RESTART}")

    def _wrap_again(self, old: bytes) -> None:
        try:
            count = subject_keys.rewrap_all()
            erasure_list_file.reseal()
            approved_scope.reseal()
            seals.reseal(seals.sealed_now())
            queued_job_seals.reseal(queued_job_seals.sealed_now())
            issued_commands.reseal(issued_commands.sealed_now())
            person_access_end.reseal(person_access_end.sealed_now())
            sealed_rows.reseal(sealed_rows.sealed_now())
            if not subject_keys.is_retired(old):
                record(SYSTEM, "evidence.key_changed", data={"keys": count})
                subject_keys.retire(old)
                count += subject_keys.rewrap_all()
        except (EvidenceError, erasure_list_file.TombstonesDamaged) as error:
            raise CommandError(f"Nothing was retired: {error}") from None
        _generated().with_name("EVIDENCE_KEY_PREVIOUS").unlink(missing_ok=True)
        noun = "key is" if count == 1 else "keys are"
        self.stdout.write(
            f"{count} {noun} wrapped again, and the previous EVIDENCE_KEY opens nothing any more. "
            "Unset EVIDENCE_KEY_PREVIOUS where you set it, restart, and destroy the old key."
        )
        if accounts := BreakGlassAccount.objects.count():
            self.stdout.write(
                f"{accounts} break-glass accounts were sealed with it and have to be made again: "
                "manage.py breakglass."
            )


def _generated() -> Path:
    path: Path = settings.VAR_DIR / "secrets" / "EVIDENCE_KEY"
    return path
