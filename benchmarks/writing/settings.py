"""The portal's settings with the two libraries that are compared with, for `measure` only."""

from __future__ import annotations

from portal import settings as portal
from portal.settings import *  # noqa: F403 - settings are names of a module

INSTALLED_APPS = [*portal.INSTALLED_APPS, "auditlog", "simple_history", "benchmarks.writing"]
