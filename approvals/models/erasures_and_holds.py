"""Erasures and legal holds: whose values go, how far that is, and whose must stay for now."""

from __future__ import annotations

from django.db import models


class ErasureState(models.TextChoices):
    """Where an erasure is."""

    PENDING = "pending", "being erased"
    DONE = "done", "erased"
    FAILED = "failed", "stopped"


class Erasure(models.Model):
    """One person's erasure, under way or done. Names them by their subject key alone."""

    id = models.UUIDField(primary_key=True, editable=False)
    subject = models.CharField(
        max_length=64, db_index=True
    )  # audit.ledger.format.commitment.subject_key
    operation = models.CharField(max_length=36, unique=True)
    approval = models.CharField(max_length=36, blank=True)
    state = models.CharField(max_length=10, choices=ErasureState, default=ErasureState.PENDING)
    detail = models.CharField(max_length=300, blank=True)  # what it waits for, or why it stopped
    index = models.BigIntegerField(null=True)  # entry of the decision, as the tombstone has it
    steps = models.JSONField(default=dict)  # store -> how many rows or files; what is done
    touched = models.JSONField(default=list)  # entries that lost values, as [first, last]
    restated = models.JSONField(default=dict)  # digest of a sealed document -> digest it has since
    emptied = models.JSONField(
        default=dict
    )  # row that events are held to -> columns that lost words
    certificate = models.JSONField(default=dict)  # as its entry says, once it is done
    seal = models.CharField(max_length=64, blank=True)  # over the row, by audit.evidence.row_seals
    replayed = models.BooleanField(default=False)  # again, since a restored database lacked it
    begun = models.DateTimeField()
    finished = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-begun", "id")

    def __str__(self) -> str:
        return f"{self.subject[:12]}: {self.state}"


class LegalHold(models.Model):
    """Somebody's values must stay, for one matter."""

    id = models.UUIDField(primary_key=True, editable=False)
    subject = models.CharField(max_length=64)
    matter = models.CharField(max_length=100)  # reference of the case, as its owner calls it
    reason = models.TextField()
    placed_at = models.DateTimeField()
    placed_by = models.CharField(max_length=255)  # subject
    placed_name = models.CharField(max_length=254, blank=True)
    operation = models.CharField(max_length=36)
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.CharField(max_length=255, blank=True)
    lifted_operation = models.CharField(max_length=36, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["subject", "matter"],
                condition=models.Q(lifted_at=None),
                name="one_open_hold_per_matter",
            ),
        )
        ordering = ("-placed_at", "id")

    def __str__(self) -> str:
        return f"{self.subject[:12]} for {self.matter}"
