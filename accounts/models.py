"""Accounts and signed-in sessions. `(iss, sub)` is the identity; e-mail is display (DESIGN 1.7)."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

ROLES = ("auditor", "operator", "admin")


class User(AbstractBaseUser):
    """One person at one issuer, as last seen in an ID token."""

    iss = models.CharField(max_length=255)
    sub = models.CharField(max_length=255)
    name = models.CharField(max_length=200, blank=True)
    email = models.CharField(max_length=254, blank=True)
    roles = models.JSONField(default=list)
    is_active = models.BooleanField(default=True)
    last_seen = models.DateTimeField(null=True)
    password = None  # type: ignore[assignment]  # nobody signs in here with a password

    objects = BaseUserManager["User"]()
    USERNAME_FIELD = "id"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["iss", "sub"], name="one_account_per_subject"),
        )

    def __str__(self) -> str:
        return self.email or self.name or self.sub


class SignedInSession(models.Model):
    """A live browser session and what the issuer said about its sign-in.

    `auth_time` is the issuer's own word where `auth_time_said`, else when its token was issued.
    `ends_at` is set for break-glass sessions only: the portal let them in, and not for long.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="sessions")
    session_key = models.CharField(max_length=40, unique=True)
    public_id = models.CharField(max_length=32, unique=True)
    sid = models.CharField(max_length=255, blank=True, db_index=True)
    auth_time = models.DateTimeField()
    auth_time_said = models.BooleanField(default=False)
    amr = models.JSONField(default=list)
    acr = models.CharField(max_length=200, blank=True)
    id_token_digest = models.CharField(max_length=64, blank=True)
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300, blank=True)
    created = models.DateTimeField()
    last_seen = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (models.Index(fields=["user", "-last_seen"], name="session_by_user"),)

    def __str__(self) -> str:
        return self.public_id


class SeenLogoutToken(models.Model):
    """`jti` of back-channel logout tokens already honoured, so that none is replayed."""

    jti = models.CharField(max_length=255, primary_key=True)
    expires = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.jti


class SeenRefusal(models.Model):
    """What was refused lately and is on the trail, so that repetitions are not.

    `what` names caller, address and reason, `bucket` whose share of events it counts to; both are
    HMACs under SECRET_KEY. `strangers:0` and so on are the slots of `accounts.anonymous_events`.
    """

    what = models.CharField(max_length=64, unique=True)
    bucket = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField(db_index=True)

    class Meta:
        indexes = (models.Index(fields=["bucket", "at"], name="refusals_of_one"),)

    def __str__(self) -> str:
        return self.what


class CommandLineSignIn(models.Model):
    """The newest device-flow sign-in of a subject, whose ID token is kept as evidence.

    `auth_time` and `amr` as in `SignedInSession`.
    """

    iss = models.CharField(max_length=255)
    sub = models.CharField(max_length=255)
    id_token_digest = models.CharField(max_length=64)
    auth_time = models.DateTimeField()
    auth_time_said = models.BooleanField(default=False)
    amr = models.JSONField(default=list)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["iss", "sub"], name="one_command_line_sign_in"),
        )

    def __str__(self) -> str:
        return self.sub


class BreakGlassTries(models.Model):
    """How many break-glass sign-ins failed in a minute: from one address, and from all.

    `whose` is an HMAC under EVIDENCE_KEY, `minute` since 1970.
    """

    whose = models.CharField(max_length=64, unique=True)
    minute = models.BigIntegerField(db_index=True)
    count = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.count} in {self.minute}"


class BreakGlassAccount(models.Model):
    """Somebody who may come in while the issuer is away.

    No secret stands here: the secret and the recovery codes as HMACs, the TOTP secret sealed, all
    under keys derived from EVIDENCE_KEY. `last_step` is the newest TOTP time step that was spent.
    """

    name = models.CharField(max_length=60, unique=True)
    secret_mac = models.CharField(max_length=64)
    totp_sealed = models.BinaryField()
    recovery_macs = models.JSONField(default=list)
    last_step = models.BigIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    locked_until = models.DateTimeField(null=True)
    created = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
