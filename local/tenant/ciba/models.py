"""People's enrolled phones and the questions put to them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.db import models

from local.tenant.ciba import limits
from local.tenant.ciba.start_request_parsing import PUSH, Start
from local.tenant.ids import digest, new_id, new_secret


class PushEnrolment(models.Model):
    """A phone that receives a person's push requests."""

    id = models.CharField(primary_key=True, max_length=26)
    sub = models.CharField(max_length=128, unique=True)
    name = models.CharField(max_length=100)
    enrolled_at = models.DateTimeField()

    objects: ClassVar[models.Manager[PushEnrolment]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.name} of {self.sub}"


class State(models.TextChoices):
    """What the asked person did. Expiry is not a state: it is read from the clock."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    TAKEN_BACK = "back"  # by the application, before anybody answered


class ConsentQuerySet(models.QuerySet["Consent"]):
    def open(self, now: datetime) -> Self:
        """Unanswered and still answerable at `now`."""
        return self.filter(state=State.PENDING, expires_at__gt=now)

    def of(self, sub: str) -> Self:
        """Put to one person, newest first."""
        return self.filter(sub=sub).order_by("-created_at")

    def since(self, moment: datetime) -> Self:
        return self.filter(created_at__gt=moment)


class Consent(models.Model):
    """One question to one person, its answer, and the state of polling for it.

    `auth_req_id` is a bearer secret and is stored as a digest only.
    """

    id = models.CharField(primary_key=True, max_length=26)
    auth_req_digest = models.CharField(max_length=64, unique=True)
    client_id = models.CharField(max_length=128)
    client_name = models.CharField(max_length=200)
    sub = models.CharField(max_length=128, db_index=True)
    scope = models.TextField()
    audience = models.CharField(max_length=600, blank=True)
    binding_message = models.CharField(max_length=limits.BINDING_MESSAGE_MAX)
    authorization_details = models.JSONField(default=list)
    channel = models.CharField(max_length=16)
    created_at = models.DateTimeField(db_index=True)
    expires_at = models.DateTimeField()

    state = models.CharField(max_length=8, choices=State, default=State.PENDING)
    answered_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=200, blank=True)

    wait_s = models.PositiveSmallIntegerField()
    polled_at = models.DateTimeField(null=True)
    exchanged_at = models.DateTimeField(null=True)

    objects = ConsentQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.id} to {self.sub}: {self.binding_message}"

    @classmethod
    def begin(
        cls,
        start: Start,
        *,
        client_id: str,
        client_name: str,
        details: list[dict[str, Any]],
        channel: str,
        now: datetime,
    ) -> tuple[Self, str]:
        """Record a question.

        Returns:
            The row and its `auth_req_id`, which is not kept.
        """
        auth_req_id = new_secret()
        row = cls.objects.create(
            id=new_id("cns_", 22),
            auth_req_digest=digest(auth_req_id),
            client_id=client_id,
            client_name=client_name,
            sub=start.sub,
            scope=" ".join(start.scopes),
            audience=start.audience,
            binding_message=start.binding_message,
            authorization_details=details,
            channel=channel,
            created_at=now,
            expires_at=now + timedelta(seconds=start.expiry_s),
            wait_s=limits.poll_interval_s(),
        )
        return row, auth_req_id

    @property
    def by_push(self) -> bool:
        return self.channel == PUSH

    def seconds_left(self, now: datetime) -> int:
        """Whole seconds until expiry, 0 once expired."""
        return max(0, round((self.expires_at - now).total_seconds()))

    def answer(self, state: State, *, reason: str, now: datetime) -> bool:
        """Record the person's one answer.

        Returns:
            False if it was answered before or has expired: the first answer stands.
        """
        changed = (
            Consent.objects.open(now)
            .filter(pk=self.pk)
            .update(state=state, reason=reason, answered_at=now)
        )
        if changed:
            self.refresh_from_db()
        return bool(changed)

    @classmethod
    def take_back(cls, client_id: str, auth_req_id: str, now: datetime) -> bool:
        """End an open question of this client, which then takes no answer; an answer stands."""
        mine = cls.objects.open(now).filter(
            client_id=client_id, auth_req_digest=digest(auth_req_id)
        )
        return bool(mine.update(state=State.TAKEN_BACK, answered_at=now))

    def claim(self, now: datetime) -> bool:
        """Take the approved answer; True for exactly one caller, ever."""
        return bool(
            Consent.objects.filter(
                pk=self.pk, state=State.APPROVED, exchanged_at__isnull=True
            ).update(exchanged_at=now)
        )
