"""An approval (one intent that waits for a human) and its asks (one person, one device each)."""

from __future__ import annotations

from django.db import models

from audit.recording.actors import Target


class Status(models.TextChoices):
    """Where an approval is."""

    PENDING = "pending", "waiting for an answer"
    CLOSED = "closed", "closed"


class Answer(models.TextChoices):
    """What the asked person said."""

    NONE = "none", "no answer"
    APPROVED = "approved", "approved"
    DENIED = "denied", "denied"


class Outcome(models.TextChoices):
    """What came of it. Denied, expired and failed are different things (DESIGN 1.3.5)."""

    APPROVED = "approved", "approved"
    DENIED = "denied", "denied"
    EXPIRED = "expired", "nobody answered"
    FAILED = "failed", "failed"
    CANCELLED = "cancelled", "cancelled"


class AskState(models.TextChoices):
    """Where one ask is."""

    STARTING = "starting", "being sent"
    WAITING = "waiting", "waiting"
    APPROVED = "approved", "approved"
    DENIED = "denied", "denied"
    EXPIRED = "expired", "expired"
    FAILED = "failed", "failed"
    SUPERSEDED = "superseded", "replaced by a newer request"
    CANCELLED = "cancelled", "cancelled"


class Channel(models.TextChoices):
    """How a person may answer: on the phone (CIBA), with a passkey here, or what both must say."""

    CIBA = "ciba", "by phone"
    PASSKEY = "passkey", "with a passkey"
    BOTH = "both", "by phone and with a passkey"
    EITHER = "either", "by phone or with a passkey"


class Approval(models.Model):
    """One intent waiting for, or answered by, a human."""

    id = models.UUIDField(primary_key=True, editable=False)
    operation = models.CharField(max_length=36, db_index=True)
    verb = models.CharField(max_length=60)
    target_kind = models.CharField(max_length=30)
    target_name = models.CharField(max_length=300)
    target_instance = models.CharField(max_length=60, blank=True)
    params = models.JSONField(default=dict)
    reason = models.TextField(blank=True)
    severity = models.CharField(max_length=10)
    sentence = models.CharField(max_length=500)
    if_approved = models.CharField(max_length=255, blank=True)  # what was expected of an approval
    risk = models.CharField(max_length=255, blank=True)  # why it is as grave as `severity` says
    account = models.CharField(max_length=255, blank=True)  # whose account it is about, in words
    requested_by = models.CharField(max_length=255, blank=True)  # in the words approvers read
    intent = models.TextField()  # the exact canonical text that intent_hash covers
    intent_hash = models.CharField(max_length=64, unique=True)
    state_digest = models.CharField(max_length=64)
    policy_digest = models.CharField(max_length=64)
    rule = models.JSONField(default=dict)  # the policy decision that applied, whole
    requester = models.JSONField(default=dict)  # Actor as JSON; {} when a finding asked by itself
    requester_iss = models.CharField(max_length=255, blank=True)
    requester_sub = models.CharField(max_length=255, blank=True, db_index=True)
    folded = models.CharField(max_length=200, blank=True)  # one approval per target and scan
    # Names the same request by the same subject while it is pending; empty once it is closed.
    open_key = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    answer = models.CharField(max_length=10, choices=Answer, default=Answer.NONE)
    inferred = models.BooleanField(default=False)
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    outcome_code = models.CharField(max_length=60, blank=True)
    outcome_detail = models.CharField(max_length=500, blank=True)
    answered_by = models.JSONField(default=dict)  # Actor as JSON
    single_person = models.BooleanField(default=False)
    held = models.BooleanField(default=False)  # this approval placed a hold that still stands
    evidence_sought_until = models.DateTimeField(null=True)
    event_id = models.UUIDField(null=True)  # the event that closed it
    created = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed = models.DateTimeField(null=True)
    due = models.DateTimeField(db_index=True, null=True)
    lease = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["folded"],
                condition=~models.Q(folded=""),
                name="one_approval_per_target_and_scan",
            ),
            models.UniqueConstraint(
                fields=["open_key"],
                condition=~models.Q(open_key=""),
                name="one_open_approval_per_request",
            ),
        )
        indexes = (
            models.Index(fields=["status", "-created"], name="approval_inbox"),
            models.Index(fields=["target_kind", "target_name", "status"], name="approval_target"),
        )

    def __str__(self) -> str:
        return f"{self.sentence} ({self.status})"

    @property
    def target(self) -> Target:
        """What the request is about."""
        return Target(self.target_kind, self.target_name, self.target_instance)

    @property
    def current(self) -> Ask | None:
        """The newest ask, whose code both screens show."""
        return self.asks.order_by("-number").select_related("person").first()


class Ask(models.Model):
    """One request sent to one person's device."""

    approval = models.ForeignKey(Approval, models.CASCADE, related_name="asks")
    number = models.PositiveSmallIntegerField()
    person = models.ForeignKey("approvals.Person", models.PROTECT, related_name="asks")
    code = models.CharField(max_length=20)  # the binding message
    channel = models.CharField(max_length=7, choices=Channel, default=Channel.CIBA)
    # channel -> {"decision", "at", "signed", "evidence": [{"kind", "digest"}]}
    answers = models.JSONField(default=dict)
    state = models.CharField(max_length=12, choices=AskState, default=AskState.STARTING)
    taken_back = models.DateTimeField(null=True)  # when the issuer was asked to take the push back
    detail = models.CharField(max_length=300, blank=True)
    started = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    interval_s = models.FloatField(default=5)
    due = models.DateTimeField(db_index=True, null=True)
    lease = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["approval", "number"], name="asks_are_numbered"),
        )

    def __str__(self) -> str:
        return f"{self.code} to {self.person_id}: {self.state}"
