"""WSGI entry point of the portal."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

application = get_wsgi_application()

# All pages and the API are loaded now: the first visitor need not wait for it, and processes that
# are forked from this one share it.
_ = get_resolver().url_patterns
