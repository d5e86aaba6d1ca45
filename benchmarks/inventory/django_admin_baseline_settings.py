"""Settings of the baseline's process: the portal's, with Django's admin in it."""

from __future__ import annotations

from portal.settings import *  # noqa: F403
from portal.settings import INSTALLED_APPS as OURS

INSTALLED_APPS = [*OURS, "django.contrib.admin"]
ROOT_URLCONF = "benchmarks.inventory.django_admin_baseline_urls"
