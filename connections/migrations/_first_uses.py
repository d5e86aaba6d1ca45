"""Marks uses that were added many at a time: by 0011, and by tools that fill databases."""

from typing import Any

from django.db import models


def mark_firsts(uses: Any) -> None:
    """Say of every row of uses (the model) whether it is the first of its account's agent, and of
    its skill: for tables that were filled many rows at a time."""
    for name in ("agent", "skill"):
        firsts = uses.objects.order_by().values("account", name).annotate(first=models.Min("pk"))
        uses.objects.update(**{f"first_of_{name}": False})
        uses.objects.filter(pk__in=firsts.values("first")).update(**{f"first_of_{name}": True})
