"""The mark that changes with every change of a watched table."""

from __future__ import annotations

from django.db import models


class LastChange(models.Model):
    """One row; `mark` is random and new after each change that was committed (`audit.watched`)."""

    mark = models.CharField(max_length=36)

    def __str__(self) -> str:
        return self.mark
