"""What the vault keeps, what a connect attempt needs, and what the providers themselves know.

The two sides share nothing but tokens: a provider stores digests of what it issued, the vault
stores sealed tokens it was given.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Self

from django.db import models


class ConnectedAccount(models.Model):
    """A person's account at a provider, held in the vault."""

    id = models.CharField(primary_key=True, max_length=26)
    sub = models.CharField(max_length=128, db_index=True)
    connection = models.CharField(max_length=128)
    idp_user_id = models.CharField(max_length=128)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField()
    sealed_refresh_token = models.BinaryField()
    sealed_access_token = models.BinaryField()
    access_scopes = models.JSONField(default=list)
    access_expires_at = models.DateTimeField()

    objects: ClassVar[models.Manager[ConnectedAccount]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["sub", "connection", "idp_user_id"], name="one_account_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.id}: {self.sub} at {self.connection}"


class ConnectAttemptQuerySet(models.QuerySet["ConnectAttempt"]):
    def live(self, now: datetime) -> Self:
        """Neither finished nor expired at `now`."""
        return self.filter(finished_at__isnull=True, expires_at__gt=now)


class ConnectAttempt(models.Model):
    """One run of the connect flow: its three bearer secrets are kept as digests."""

    session_digest = models.CharField(primary_key=True, max_length=64)
    ticket_digest = models.CharField(max_length=64, unique=True)
    code_digest = models.CharField(max_length=64, blank=True)
    sub = models.CharField(max_length=128)
    client_id = models.CharField(max_length=128)
    connection = models.CharField(max_length=128)
    scopes = models.JSONField(default=list)
    redirect_uri = models.CharField(max_length=2048)
    state = models.CharField(max_length=4096, blank=True)
    code_challenge = models.CharField(max_length=128, blank=True)
    login_hint = models.CharField(max_length=255, blank=True)
    expires_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    idp_user_id = models.CharField(max_length=128, blank=True)
    sealed_grant = models.BinaryField(null=True)

    objects = ConnectAttemptQuerySet.as_manager()

    def __str__(self) -> str:
        return f"connect {self.connection} for {self.sub}"


class ProviderGrantQuerySet(models.QuerySet["ProviderGrant"]):
    def standing(self) -> Self:
        """Not revoked at the provider."""
        return self.filter(revoked_at__isnull=True)


class ProviderGrant(models.Model):
    """What a provider account allowed our tenant to do; lives until revoked at the provider."""

    provider = models.CharField(max_length=32)
    login = models.CharField(max_length=64)
    user_id = models.CharField(max_length=128)
    scopes = models.JSONField(default=list)
    refresh_digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = ProviderGrantQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.login} at {self.provider}"


class ProviderToken(models.Model):
    """An access token a provider issued, as a digest."""

    digest = models.CharField(primary_key=True, max_length=64)
    grant = models.ForeignKey(ProviderGrant, on_delete=models.CASCADE, related_name="tokens")
    scopes = models.JSONField(default=list)
    expires_at = models.DateTimeField()

    objects: ClassVar[models.Manager[ProviderToken]] = models.Manager()
    grant_id: int

    def __str__(self) -> str:
        return f"token of {self.grant}"


class ProviderItem(models.Model):
    """Something written through a provider's API: an issue, a message, a calendar event."""

    provider = models.CharField(max_length=32)
    place = models.CharField(max_length=200, db_index=True)
    body = models.JSONField()
    created_at = models.DateTimeField()

    objects: ClassVar[models.Manager[ProviderItem]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.provider} {self.place}"
