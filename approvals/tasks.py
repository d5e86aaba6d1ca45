"""Hints: a message says that something may be due; the rows say what."""

from __future__ import annotations

from celery import shared_task

from approvals import clock
from approvals.sweep import sweep, tidy


@shared_task(name="approvals.tasks.sweep", ignore_result=True)  # type: ignore[untyped-decorator]  # celery has no types
def sweep_task() -> None:
    """Do due work once and forget what expired."""
    sweep()
    tidy(clock.now())
