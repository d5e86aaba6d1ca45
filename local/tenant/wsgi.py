"""WSGI entry: ``python -m serving local.tenant.wsgi:application``, one process of it."""

from __future__ import annotations

import os

os.environ["DJANGO_SETTINGS_MODULE"] = "local.tenant.settings"

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

from local.tenant.tenant_log.webhook_stream import start_log_stream  # noqa: E402  (needs the apps loaded)

start_log_stream()
