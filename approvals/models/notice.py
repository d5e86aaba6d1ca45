"""Letters about an ask: due work like any other, so that a crash sends them later, not never."""

from __future__ import annotations

from django.db import models


class NoticeWay(models.TextChoices):
    """How an approver is notified of a request."""

    MAIL = "mail", "e-mail"
    WEBHOOK = "webhook", "webhook"


class NoticeState(models.TextChoices):
    """Where a notice is. None of them decides anything."""

    PENDING = "pending", "to be sent"
    SENT = "sent", "sent"
    FAILED = "failed", "not sent"
    NEEDLESS = "needless", "answered before it was sent"


class Notice(models.Model):
    """One letter about one ask, without its words or its address: both are made when it is sent."""

    id = models.UUIDField(primary_key=True, editable=False)
    ask = models.ForeignKey("approvals.Ask", models.CASCADE, related_name="notices")
    way = models.CharField(max_length=10, choices=NoticeWay)
    state = models.CharField(max_length=10, choices=NoticeState, default=NoticeState.PENDING)
    detail = models.CharField(max_length=200, blank=True)  # why it was not sent
    attempts = models.PositiveSmallIntegerField(default=0)
    sent = models.DateTimeField(null=True)
    due = models.DateTimeField(db_index=True, null=True)
    lease = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["ask", "way"], name="one_notice_per_ask_and_way"),
        )

    def __str__(self) -> str:
        return f"{self.way} about {self.ask_id}: {self.state}"
