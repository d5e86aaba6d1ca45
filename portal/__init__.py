"""Shows: settings, sign-in, pages, API, operations."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]
