"""Which accounts changed lately, recorded by triggers of the tables themselves."""

from __future__ import annotations

from django.db import models


class AccountChange(models.Model):
    """The last change of one account that the inventory counts by (`inventory.journal`).

    The row of the account NOBODY is the beginning: its `mark` is random, and new where changes may
    have been lost.
    """

    account = models.UUIDField(primary_key=True)  # no foreign key: also of accounts that went
    at = models.BigIntegerField(db_index=True)  # SQLite: a running number; PostgreSQL: xid8
    mark = models.CharField(max_length=36, blank=True)

    def __str__(self) -> str:
        return f"{self.account} at {self.at}"
