"""What lets an application act as a person at Auth0 itself: consents and refresh tokens."""

from __future__ import annotations

from django.db import models

from audit.clock import uuid7
from audit.recording.actors import Subject


class AccessKind(models.TextChoices):
    """The two forms, which Auth0 lists and ends apart (facts/auth0-wire.md section 6.3)."""

    GRANT = "grant", "consent"
    REFRESH_TOKEN = "refresh_token", "refresh token"


class AccessState(models.TextChoices):
    """Whether Auth0 holds it, as far as we know."""

    LIVE = "live", "in force"
    REVOKING = "revoking", "being revoked"
    GONE = "gone", "gone"


class AppAccess(models.Model):
    """One consent or refresh token as the Management API lists it; never a token's value.

    Auth0 tells no time of a consent, and of a refresh token when it was last exchanged.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    iss = models.CharField(max_length=255)
    sub = models.CharField(max_length=255)
    kind = models.CharField(max_length=14, choices=AccessKind)
    auth0_id = models.CharField(max_length=256)
    client_id = models.CharField(max_length=256)
    client_name = models.CharField(max_length=200, blank=True)  # as the tenant calls it
    audiences = models.JSONField(default=list)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, choices=AccessState, default=AccessState.LIVE)
    state_since = models.DateTimeField()
    operation = models.CharField(max_length=36, blank=True)  # of the revocation under way
    detail = models.CharField(max_length=300, blank=True)  # why it is not revoked yet
    first_seen = models.DateTimeField()
    seen_at = models.DateTimeField()  # when the Management API listed it last

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["iss", "kind", "auth0_id"], name="one_access_each"),
        )
        indexes = (models.Index(fields=["iss", "sub", "state"], name="access_by_person"),)
        ordering = ("sub", "client_id", "kind", "id")

    def __str__(self) -> str:
        return f"{self.kind} of {self.client_id}"

    @property
    def owner(self) -> Subject:
        """In whose name it acts, without display values."""
        return Subject(self.iss, self.sub)

    @property
    def application(self) -> str:
        """What people call the application."""
        return self.client_name or self.client_id
