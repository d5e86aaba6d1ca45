"""Short-lived things: encrypted secrets that polling needs, and idempotency keys."""

from __future__ import annotations

from django.db import models


class ShortLivedSecret(models.Model):
    """The one encrypted, expiring table (DESIGN 1.4): `auth_req_id`, CIBA answers, and more."""

    kind = models.CharField(max_length=30)
    ref = models.CharField(max_length=80)
    ciphertext = models.BinaryField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["kind", "ref"], name="one_secret_per_ref"),)

    def __str__(self) -> str:
        return f"{self.kind} for {self.ref}"


class IdempotencyRecord(models.Model):
    """What a subject's Idempotency-Key was answered with, for 24 hours."""

    subject = models.CharField(max_length=64)
    key = models.CharField(max_length=200)
    body_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)  # None while the first call still runs
    answer = models.JSONField(default=dict)
    created = models.DateTimeField(db_index=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["subject", "key"], name="one_answer_per_key"),
        )

    def __str__(self) -> str:
        return self.key
