"""Background work of the audit room."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from audit import exports, verification


@shared_task(name="audit.verify_ledger")  # type: ignore[untyped-decorator]  # celery has no types
def verify_ledger(run_id: str) -> None:
    """Perform the verification that `audit.verification.request` noted."""
    verification.perform(UUID(run_id))


@shared_task(name="audit.write_export")  # type: ignore[untyped-decorator]  # celery has no types
def write_export(job_id: str) -> None:
    """Write the export that `audit.exports.request` noted."""
    exports.run(UUID(job_id))
