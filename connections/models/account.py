"""A person's account at a provider, as Auth0's vault holds it, and who used it through us."""

from __future__ import annotations

from datetime import UTC, datetime, time

from django.db import models
from django.db.models import Q

from audit.clock import uuid7
from audit.recording.actors import Subject
from connections.models.fields_computed_on_save import DayOf, FirstOf, GrantDigest


class State(models.TextChoices):
    """What the broker does with an account. Only `connected` gets a token."""

    CONNECTED = "connected", "connected"
    NEEDS_RECONNECT = "needs_reconnect", "needs reconnect"
    SUSPENDED = "suspended", "suspended"
    REVOCATION_PENDING = "revocation_pending", "revocation finishing"
    GONE = "gone", "gone at Auth0"
    REVOKED = "revoked", "revoked"


NOT_HELD = (State.GONE, State.REVOKED)
"""States in which Auth0 holds the account no more; only what nobody revoked can come back."""


class ConnectedAccount(models.Model):
    """One connected account. Auth0 tells neither its name at the provider nor its last use.

    `label` is what its owner called it when connecting; `provider_user` the provider's own user id
    as the tenant log names it, which the vault takes as `login_hint` where there are several.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    iss = models.CharField(max_length=255)
    sub = models.CharField(max_length=255)
    connection = models.CharField(max_length=128)
    auth0_id = models.CharField(max_length=128)  # cac_…
    label = models.CharField(max_length=100, blank=True)
    provider_user = models.CharField(max_length=255, blank=True)
    scopes = models.JSONField(default=list)
    grant = GrantDigest(max_length=16, default="", editable=False)
    connected_at = models.DateTimeField(null=True)  # as Auth0 says
    expires_at = models.DateTimeField(null=True)  # end of the provider's grant, if known
    state = models.CharField(max_length=20, choices=State, default=State.CONNECTED)
    state_reason = models.CharField(max_length=200, blank=True)
    state_by = models.CharField(max_length=255, blank=True)  # subject; empty = ourselves
    earlier = models.JSONField(default=list)  # what the state covers (`restrictions.Layer`)
    barred = models.BooleanField(default=False)  # others restricted it, and nobody relaxed that
    state_since = models.DateTimeField()
    sleep_recorded_at = models.DateTimeField(null=True)  # of the event that it fell asleep
    held_by = models.CharField(max_length=36, blank=True)  # the approval whose hold this is
    restriction = models.CharField(max_length=36, blank=True)  # its id; none before 0022
    operation = models.CharField(max_length=36, blank=True)  # of the revocation under way
    delete_after = models.DateTimeField(null=True)  # end of the undo window
    deletion_detail = models.CharField(max_length=300, blank=True)  # why it is not deleted yet
    source = models.CharField(max_length=20)  # my_account | management: who told us
    seen_at = models.DateTimeField()  # when it told us
    watched_since = models.DateTimeField()  # before that, no use could be seen
    last_used_at = models.DateTimeField(null=True)
    used_on = models.GeneratedField(
        expression=DayOf("last_used_at"), output_field=models.DateField(null=True), db_persist=True
    )
    last_agent = models.CharField(max_length=100, blank=True)
    last_skill = models.CharField(max_length=200, blank=True)
    last_token_expires_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)  # exchanges that failed since the last good
    last_failure = models.CharField(max_length=60, blank=True)
    last_failure_at = models.DateTimeField(null=True)
    # The tenant log's word on person and connection, whoever asked (see tenant_log.LogFact).
    auth0_used_at = models.DateTimeField(null=True)
    auth0_used_by = models.CharField(max_length=256, blank=True)  # client id
    elsewhere_on = models.DateField(null=True)  # last UTC day another application got a token
    auth0_failures = models.PositiveIntegerField(default=0)  # since the last good exchange
    auth0_failed_at = models.DateTimeField(null=True)
    auth0_failure = models.CharField(max_length=200, blank=True)  # Auth0's failure_reason

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["iss", "sub", "connection", "auth0_id"], name="one_row_per_account"
            ),
        )
        indexes = (
            models.Index(
                fields=[
                    "iss",
                    "sub",
                    "state",
                    "connection",
                    "grant",
                    "used_on",
                    "watched_since",
                    "source",
                ],
                name="account_by_person",
            ),
            models.Index(fields=["connection", "state"], name="account_by_connection"),
            models.Index(fields=["connection", "id"], name="account_in_connection"),
            # What the inventory counts, so that it need not read the rows.
            models.Index(
                fields=[
                    "state",
                    "connection",
                    "source",
                    "grant",
                    "used_on",
                    "elsewhere_on",
                    "watched_since",
                    "expires_at",
                    "state_since",
                    "sub",
                    "id",
                ],
                name="account_counted",
            ),
            models.Index(fields=["label", "provider_user", "id"], name="account_by_name"),
        )

    def __str__(self) -> str:
        return f"{self.connection} account {self.auth0_id}"

    @property
    def owner(self) -> Subject:
        """Whose account it is, without display values."""
        return Subject(self.iss, self.sub)

    @property
    def named(self) -> str:
        """What people recognise it by; empty when nobody ever named it."""
        return self.label or self.provider_user

    @property
    def elsewhere_since(self) -> datetime | None:
        """When that day began; the trail has the day alone."""
        day = self.elsewhere_on
        return None if day is None else datetime.combine(day, time(), UTC)

    @property
    def used_elsewhere(self) -> bool:
        """Whether Auth0 tells of a later day of use than our broker."""
        day, last = self.elsewhere_on, self.last_used_at
        return day is not None and (last is None or last.astimezone(UTC).date() < day)

    @property
    def token_without_end(self) -> bool:
        """Whether the provider named no end of the token that was issued last: one that it named
        is after the use."""
        used, ends = self.last_used_at, self.last_token_expires_at
        return used is not None and (ends is None or ends <= used)

    def turn(self, state: State, at: datetime, *, reason: str = "", by: str = "") -> None:
        """Change the state (not saved), keeping when, why and by whose hand."""
        self.state, self.state_since = state, at
        self.state_reason, self.state_by = reason[:200], by


class Use(models.Model):
    """How often one agent used an account through one skill; both names are asserted."""

    account = models.ForeignKey(ConnectedAccount, models.CASCADE, related_name="uses")
    agent = models.CharField(max_length=100, blank=True)
    skill = models.CharField(max_length=200, blank=True)
    count = models.PositiveIntegerField(default=0)
    first = models.DateTimeField()
    last = models.DateTimeField()
    first_of_agent = FirstOf("agent", default=False, editable=False)
    first_of_skill = FirstOf("skill", default=False, editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["account", "agent", "skill"], name="one_use_row"),
        )
        indexes = (
            models.Index(fields=["agent", "account"], name="use_by_agent"),
            models.Index(fields=["skill", "account"], name="use_by_skill"),
            models.Index(
                fields=["agent"], condition=Q(first_of_agent=True), name="use_counts_agents"
            ),
            models.Index(
                fields=["skill"], condition=Q(first_of_skill=True), name="use_counts_skills"
            ),
        )

    def __str__(self) -> str:
        return f"{self.agent or 'unnamed'} via {self.skill or 'no skill'}: {self.count}"
