"""WSGI entry point of the portal."""

import os
from typing import Any

from django.conf import settings
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from audit.db import request_database_time_budget
from audit.erasure import idle_database_connections, process_caches
from http_client import time_budget_for_all_calls
from portal.database_settings import bound_waits
from portal.ops import telemetry
from serving.private_file_modes import keep_private

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

keep_private(settings.VAR_DIR)
bound_waits(settings.DATABASES["default"])
_django = get_wsgi_application()


def application(environ: dict[str, Any], start_response: Any) -> Any:
    """Answer one request, whose waits have a bound in all. What is streamed later has none."""
    telemetry.start("web")  # in the process that answers, and not in the one that it is forked from
    with time_budget_for_all_calls.bounded(), request_database_time_budget.bounded():
        return _django(environ, start_response)


request_started.connect(process_caches.watch)
request_started.connect(idle_database_connections.begin)
request_finished.connect(idle_database_connections.end)

# All pages and the API are loaded now: the first visitor need not wait for it, and processes that
# are forked from this one share it.
_ = get_resolver().url_patterns
