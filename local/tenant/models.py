"""What the tenant remembers. Bearer secrets are kept as SHA-256 digests only."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from allauth.idp.oidc.models import Client
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils import timezone
from django.utils.crypto import get_random_string


def role_id() -> str:
    """A new role identifier, ``rol_…``."""
    return f"rol_{get_random_string(16)}"


def refresh_token_id() -> str:
    """A new refresh-token identifier, ``rt_…`` (the row's name, never the secret)."""
    return f"rt_{get_random_string(16)}"


def consent_grant_id() -> str:
    """A new user-to-application grant identifier."""
    return get_random_string(24)


class Role(models.Model):
    """A role and the API permissions it carries, ``{API identifier: [permission, …]}``."""

    id = models.CharField(primary_key=True, max_length=32, default=role_id)
    name = models.CharField(max_length=64, unique=True)
    description = models.CharField(max_length=255, blank=True)
    permissions = models.JSONField(default=dict)

    objects: ClassVar[models.Manager[Role]] = models.Manager()

    def __str__(self) -> str:
        return self.name


class PersonManager(BaseUserManager["Person"]):
    """Accounts are found by ``sub``, which never changes."""

    def get_by_natural_key(self, username: str | None) -> Person:
        """The account with this ``sub``; raises Person.DoesNotExist."""
        return self.get(sub=username)


class Person(AbstractBaseUser):
    """A user of the tenant. Nobody has a password: the login page signs in by one click."""

    sub = models.CharField(max_length=128, unique=True)
    email = models.EmailField(unique=True)
    email_verified = models.BooleanField(default=True)
    name = models.CharField(max_length=150)
    given_name = models.CharField(max_length=75)
    family_name = models.CharField(max_length=75)
    roles = models.ManyToManyField(Role, related_name="people", blank=True)
    blocked = models.BooleanField(default=False)
    app_metadata = models.JSONField(default=dict)
    user_metadata = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    logins_count = models.PositiveIntegerField(default=0)

    objects: ClassVar[PersonManager] = PersonManager()

    USERNAME_FIELD = "sub"
    EMAIL_FIELD = "email"

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


class ResourceServer(models.Model):
    """An API of the tenant: its identifier is the ``aud`` of tokens for it."""

    identifier = models.CharField(primary_key=True, max_length=600)
    name = models.CharField(max_length=100)
    scopes = models.JSONField(default=list)
    token_lifetime = models.PositiveIntegerField(default=86400, help_text="seconds")
    allow_offline_access = models.BooleanField(default=False)
    rbac = models.BooleanField(default=False, help_text="grant only the person's permissions")
    user_access = models.CharField(
        max_length=24,
        default="allow_all",
        choices=[(p, p) for p in ("allow_all", "require_client_grant", "deny_all")],
    )
    client_access = models.CharField(
        max_length=24,
        default="require_client_grant",
        choices=[(p, p) for p in ("require_client_grant", "deny_all")],
    )
    authorization_details_types = models.JSONField(default=list)

    objects: ClassVar[models.Manager[ResourceServer]] = models.Manager()

    def __str__(self) -> str:
        return self.identifier


class ClientGrant(models.Model):
    """A client's standing permission for an API, for itself or on behalf of users."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE)
    audience = models.ForeignKey(ResourceServer, on_delete=models.CASCADE)
    subject_type = models.CharField(
        max_length=8, choices=[("client", "client"), ("user", "user")], default="client"
    )
    scope = models.JSONField(default=list)

    objects: ClassVar[models.Manager[ClientGrant]] = models.Manager()
    client_id: str
    audience_id: str

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["client", "audience", "subject_type"], name="one_grant_per_api"
            )
        ]

    def __str__(self) -> str:
        return f"{self.client_id} may call {self.audience_id} as {self.subject_type}"


class Connection(models.Model):
    """An identity provider of the tenant (``con_…``)."""

    id = models.CharField(primary_key=True, max_length=32)
    name = models.CharField(max_length=128, unique=True)
    strategy = models.CharField(max_length=64)
    authentication_active = models.BooleanField(default=True)
    connected_accounts_active = models.BooleanField(default=False)
    options = models.JSONField(default=dict)

    objects: ClassVar[models.Manager[Connection]] = models.Manager()

    def __str__(self) -> str:
        return self.name


class SigningKey(models.Model):
    """An RS256 key pair. The newest signs; all that are not revoked are published."""

    kid = models.CharField(primary_key=True, max_length=64)
    pem = models.TextField()
    certificate = models.TextField(help_text="base64 of the DER certificate (x5c)")
    issued_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[SigningKey]] = models.Manager()

    def __str__(self) -> str:
        return self.kid


class LoginSession(models.Model):
    """A person's sign-in in one browser: the ``sid`` of ID tokens and of back-channel logout."""

    sid = models.CharField(primary_key=True, max_length=48)
    person = models.ForeignKey(Person, on_delete=models.CASCADE)
    created_at = models.DateTimeField()
    authenticated_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    mfa = models.BooleanField(default=False, help_text="the last sign-in counts as two-factor")
    ip = models.CharField(max_length=64, blank=True)
    user_agent = models.CharField(max_length=400, blank=True)
    clients = models.ManyToManyField(Client, blank=True)
    ended_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[LoginSession]] = models.Manager()
    person_id: int

    def __str__(self) -> str:
        return f"{self.sid} of {self.person_id}"

    def is_live(self, now: datetime) -> bool:
        """Whether the session still signs its person in at ``now``."""
        return self.ended_at is None and now < self.expires_at


class AuthorizationCode(models.Model):
    """A code on its way through the browser: single use, one minute."""

    digest = models.CharField(primary_key=True, max_length=64)
    client = models.ForeignKey(Client, on_delete=models.CASCADE)
    person = models.ForeignKey(Person, on_delete=models.CASCADE)
    session = models.ForeignKey(LoginSession, on_delete=models.CASCADE)
    redirect_uri = models.CharField(max_length=2048)
    scope = models.TextField()
    audience = models.CharField(max_length=600, blank=True)
    nonce = models.CharField(max_length=512, blank=True)
    code_challenge = models.CharField(max_length=128, blank=True)
    code_challenge_method = models.CharField(max_length=8, blank=True)
    auth_time = models.PositiveBigIntegerField(null=True, help_text="set when max_age was asked")
    amr = models.JSONField(default=list)
    expires_at = models.DateTimeField()
    spent_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[AuthorizationCode]] = models.Manager()
    client_id: str

    def __str__(self) -> str:
        return f"code for {self.client_id}"


class DeviceState(models.TextChoices):
    """Where a device authorization stands. ``gone`` answers ``invalid_grant`` for good."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    GONE = "gone"


class DeviceCode(models.Model):
    """A device authorization (RFC 8628) from its start until its one answer."""

    digest = models.CharField(primary_key=True, max_length=64)
    user_code = models.CharField(max_length=20, unique=True)
    client = models.ForeignKey(Client, on_delete=models.CASCADE)
    scope = models.TextField()
    audience = models.CharField(max_length=600, blank=True)
    person = models.ForeignKey(Person, on_delete=models.CASCADE, null=True)
    state = models.CharField(max_length=8, choices=DeviceState.choices, default=DeviceState.PENDING)
    polled_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()

    objects: ClassVar[models.Manager[DeviceCode]] = models.Manager()
    client_id: str

    def __str__(self) -> str:
        return self.user_code


class RefreshToken(models.Model):
    """One refresh token; with rotation, the members of a ``family`` replace one another."""

    id = models.CharField(primary_key=True, max_length=32, default=refresh_token_id)
    digest = models.CharField(max_length=64, unique=True)
    family = models.CharField(max_length=32, db_index=True)
    client = models.ForeignKey(Client, on_delete=models.CASCADE)
    person = models.ForeignKey(Person, on_delete=models.CASCADE)
    session = models.ForeignKey(LoginSession, on_delete=models.SET_NULL, null=True)
    audience = models.CharField(max_length=600, blank=True)
    scope = models.TextField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    last_exchanged_at = models.DateTimeField(null=True)
    rotated_at = models.DateTimeField(null=True, help_text="replaced by a younger family member")
    revoked_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[RefreshToken]] = models.Manager()
    client_id: str
    session_id: str | None

    def __str__(self) -> str:
        return self.id


class ConsentGrant(models.Model):
    """What a person has let an application do (Management API ``/grants``)."""

    id = models.CharField(primary_key=True, max_length=32, default=consent_grant_id)
    person = models.ForeignKey(Person, on_delete=models.CASCADE)
    client = models.ForeignKey(Client, on_delete=models.CASCADE)
    audience = models.CharField(max_length=600, blank=True)
    scope = models.JSONField(default=list)

    objects: ClassVar[models.Manager[ConsentGrant]] = models.Manager()
    client_id: str

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person", "client", "audience"], name="one_consent_per_api"
            )
        ]

    def __str__(self) -> str:
        return self.id


class LogEvent(models.Model):
    """One tenant log event, as ``GET /api/v2/logs`` and the log stream give it."""

    seq = models.BigAutoField(primary_key=True)
    log_id = models.CharField(max_length=64, unique=True)
    date = models.DateTimeField()
    type = models.CharField(max_length=64, db_index=True)
    user_id = models.CharField(max_length=128, blank=True, db_index=True)
    fields = models.JSONField(default=dict)

    objects: ClassVar[models.Manager[LogEvent]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.type} {self.log_id}"

    def as_json(self) -> dict[str, Any]:
        """The event as Auth0 writes it on the wire."""
        date = self.date.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.date.microsecond // 1000:03d}Z"
        return {
            "_id": self.log_id,
            "log_id": self.log_id,
            "date": date,
            "type": self.type,
            **self.fields,
        }


class StreamCursor(models.Model):
    """How far the log stream has been delivered (the last acknowledged ``seq``)."""

    url = models.CharField(primary_key=True, max_length=400)
    seq = models.BigIntegerField(default=0)

    objects: ClassVar[models.Manager[StreamCursor]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.url} at {self.seq}"
