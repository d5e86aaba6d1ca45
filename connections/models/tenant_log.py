"""What Auth0's tenant log contains about accounts and people, and how far it was read."""

from __future__ import annotations

from django.db import models


class LogKind(models.TextChoices):
    """What an entry of the tenant log means to the inventory (facts/auth0-wire.md section 6.4)."""

    EXCHANGED = "exchanged", "got a provider token"
    EXCHANGE_FAILED = "exchange_failed", "was refused a provider token"
    CONNECTED = "connected", "connected an account"
    DISCONNECTED = "disconnected", "removed an account"
    SIGNED_IN = "signed_in", "signed in"


class Feed(models.TextChoices):
    """How entries reach us."""

    CHECKPOINT = "checkpoint", "read over the Management API"
    STREAM = "stream", "sent by a log stream"


class LogFact(models.Model):
    """One entry of the tenant log that says something of use; inserted once, never changed.

    Auth0 tells person and connection of an exchange, not the account: with several accounts on one
    connection any of them may be meant.
    """

    log_id = models.CharField(max_length=256, unique=True)
    kind = models.CharField(max_length=16, choices=LogKind)
    at = models.DateTimeField()  # as Auth0 says
    iss = models.CharField(max_length=255)
    sub = models.CharField(max_length=255)
    connection = models.CharField(max_length=128, blank=True)
    client_id = models.CharField(max_length=256, blank=True)  # the application that asked
    agent_id = models.CharField(max_length=128, blank=True)  # agt_…, where the tenant has agents
    auth0_id = models.CharField(max_length=128, blank=True)  # cac_… of (dis)connections
    reason = models.CharField(max_length=200, blank=True)  # Auth0's failure_reason
    feed = models.CharField(max_length=10, choices=Feed)  # which brought it first
    received = models.DateTimeField()

    class Meta:
        indexes = (
            models.Index(fields=["iss", "sub", "connection", "kind", "at"], name="log_fact_whose"),
            models.Index(fields=["received"], name="log_fact_received"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.log_id}"


class SeenUse(models.Model):
    """An application that Auth0 gave tokens of an account, past our broker, and the last UTC day.

    Written with the event of that day, so that the log tells the same
    (`connections.auth_ibom.replay`).
    """

    account = models.ForeignKey("connections.ConnectedAccount", models.CASCADE, related_name="seen")
    client_id = models.CharField(max_length=256)
    day = models.DateField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["account", "client_id"], name="one_seen_use"),
        )

    def __str__(self) -> str:
        return f"{self.client_id} on {self.day}"


class LogFeed(models.Model):
    """How far one feed is. `since` is where unbroken watching begins: a gap moves it."""

    feed = models.CharField(max_length=10, choices=Feed, primary_key=True)
    since = models.DateTimeField(null=True)  # None: nothing ever came this way
    cursor = models.CharField(max_length=256, blank=True)  # checkpoint: the last log_id read
    heard = models.DateTimeField(null=True)  # when anything arrived last, or nothing was new
    newest = models.DateTimeField(null=True)  # time of the newest entry so far
    recorded = models.PositiveBigIntegerField(default=0)
    duplicates = models.PositiveBigIntegerField(default=0)
    ignored = models.PositiveBigIntegerField(default=0)  # entries of kinds that tell us nothing
    quarantined = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return self.feed


class LogGap(models.Model):
    """A time of which entries may be missing. `end` None: it is still going on."""

    feed = models.CharField(max_length=10, choices=Feed)
    why = models.CharField(max_length=30)  # checkpoint_lost | away | silent
    start = models.DateTimeField(null=True)
    end = models.DateTimeField(null=True)
    found = models.DateTimeField()

    class Meta:
        ordering = ("-found", "-id")

    def __str__(self) -> str:
        return f"{self.feed} {self.why}"


class PersonLook(models.Model):
    """A person whose accounts have to be compared with Auth0 soon, ahead of everybody's turn."""

    iss = models.CharField(max_length=255)
    sub = models.CharField(max_length=255)
    due = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["iss", "sub"], name="one_look_each"),)

    def __str__(self) -> str:
        return self.sub
