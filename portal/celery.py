"""The Celery application: its worker is the host of our loops; no message is sent (ADR 4)."""

from __future__ import annotations

import os

from celery import Celery
from django.conf import settings

from portal.loops import Loops

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("portal", broker=settings.CELERY_BROKER_URL)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.steps["worker"].add(Loops)
