"""The Celery application. Messages are hints: every piece of due work is a row (ADR 0004)."""

from __future__ import annotations

import os

from celery import Celery
from celery.signals import task_postrun, task_prerun

from audit import idle
from portal.loops import Loops

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(Loops)
task_prerun.connect(idle.begin)
task_postrun.connect(idle.end)
