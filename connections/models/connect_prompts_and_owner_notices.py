"""What a person should see at their next visit."""

from __future__ import annotations

from django.db import models

from audit.clock import uuid7


class Need(models.Model):
    """A member is asked to connect something, because a component that needs it was allowed."""

    iss = models.CharField(max_length=255)
    sub = models.CharField(max_length=255)
    connection = models.CharField(max_length=128)
    kind = models.CharField(max_length=30)
    name = models.CharField(max_length=200)
    asked_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)  # connected, or dismissed by the member

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["iss", "sub", "connection", "kind", "name"], name="asked_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind}:{self.name} needs {self.connection}"


class Notice(models.Model):
    """Something that somebody else did to a person's connection; shown until they put it away."""

    iss = models.CharField(max_length=255)
    sub = models.CharField(max_length=255)
    account = models.ForeignKey("connections.ConnectedAccount", models.CASCADE)
    code = models.CharField(max_length=30)  # suspended | revoked | resumed
    agent = models.CharField(max_length=100, blank=True)  # what a freeze is of; reported
    by = models.CharField(max_length=200, blank=True)  # display name of who did it
    reason = models.CharField(max_length=500, blank=True)
    created = models.DateTimeField()
    seen = models.DateTimeField(null=True)

    class Meta:
        indexes = (models.Index(fields=["iss", "sub", "seen"], name="notice_by_person"),)

    def __str__(self) -> str:
        return f"{self.code} of {self.account_id}"


class OwnerLetter(models.Model):
    """One letter to an owner about what was noted from `created` on; its words are made when it is
    sent. What happens within seconds, such as one decision on many accounts, is one letter."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    iss = models.CharField(max_length=255)
    sub = models.CharField(max_length=255)
    way = models.CharField(max_length=10)  # mail | webhook
    created = models.DateTimeField()
    state = models.CharField(max_length=10, default="pending")  # pending | sent | failed | needless
    detail = models.CharField(max_length=200, blank=True)  # why it was not sent
    attempts = models.PositiveSmallIntegerField(default=0)
    sent = models.DateTimeField(null=True)
    due = models.DateTimeField(db_index=True, null=True)
    lease = models.DateTimeField(null=True)

    class Meta:
        indexes = (models.Index(fields=["iss", "sub", "due"], name="letter_by_person"),)

    def __str__(self) -> str:
        return f"{self.way} to an owner: {self.state}"
