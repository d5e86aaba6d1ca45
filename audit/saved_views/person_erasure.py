"""What an erasure does to saved views: a person's own go, what others share loses their words."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from audit.erasure import erase_names_in_text
from audit.erasure.subject_and_store_registry import Whose
from audit.models import SavedView, ViewNotification, WeeklyDigest

COLUMNS = ("owner", "removed_by", "maker", "name", "description", "filter")
_TEXTS = ("name", "description", "filter")


def count(whose: Whose) -> int:
    """How many views are the person's, or name them."""
    own = set(_of(whose).values_list("pk", flat=True))
    return len(own | _naming(whose))


def forget(whose: Whose) -> int:
    """Delete the person's own views, and take them out of those that stay; returns how many.

    What they shared stays for those who use it, without a maker: only an admin may remove it.
    """
    found = count(whose)
    own = _of(whose)
    own.filter(Q(shared=False) | Q(removed__isnull=False), owner=whose.key).delete()
    own.filter(removed_by=whose.key).update(removed_by="")
    WeeklyDigest.objects.filter(owner=whose.key).delete()
    ViewNotification.objects.filter(view__in=own.filter(owner=whose.key)).delete()
    own.filter(owner=whose.key).update(owner="", maker={})
    erase_names_in_text.scrub(SavedView, _TEXTS, whose)
    return found


def _of(whose: Whose) -> QuerySet[SavedView]:
    if not whose.key:
        return SavedView.objects.none()
    return SavedView.objects.filter(Q(owner=whose.key) | Q(removed_by=whose.key))


def _naming(whose: Whose) -> set[object]:
    pattern = whose.pattern()
    if pattern is None:
        return set()
    rows = erase_names_in_text.naming(SavedView.objects.all(), _TEXTS, whose)
    return {
        row.pk
        for row in rows
        if any(erase_names_in_text.holds(getattr(row, n), pattern) for n in _TEXTS)
    }
