"""An access review: a frozen list of accounts that people decide on, one by one."""

from __future__ import annotations

from django.db import models

from audit.clock import uuid7


class Reviewers(models.TextChoices):
    """Who decides on the accounts of a review."""

    OWNERS = "owners", "each owner their own"
    ADMINS = "admins", "named admins"


class Choice(models.TextChoices):
    """What can be decided on an account; nothing decided is its own answer."""

    KEEP = "keep", "keep"
    REDUCE = "reduce", "reduce"
    REVOKE = "revoke", "revoke"


class Opened(models.Manager["Review"]):
    """Reviews that opened. One whose list is still being written has no digest."""

    def get_queryset(self) -> models.QuerySet[Review]:
        return super().get_queryset().exclude(digest="")


class Opening(models.Manager["Review"]):
    """Reviews whose list is being written: nobody's to see or decide in, and gone if that ends."""

    def get_queryset(self) -> models.QuerySet[Review]:
        return super().get_queryset().filter(digest="")


class Review(models.Model):
    """One campaign. `result` is the signed head of the file that was handed out when it closed;
    the lines behind it are `ReviewLines`. A review closed before there were any has it all in one.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    title = models.CharField(max_length=120)
    wanted = models.JSONField(default=dict)  # the filter: connection, state, show, in_words
    reviewers = models.CharField(max_length=10, choices=Reviewers)
    admins = models.JSONField(default=list)  # of named admins: iss, sub
    due = models.DateTimeField()
    digest = models.CharField(max_length=64)  # hex SHA-256 of the frozen scope
    opened_at = models.DateTimeField()
    opened_by = models.CharField(max_length=255)  # subject
    opened_event = models.CharField(max_length=36, blank=True)
    closed_at = models.DateTimeField(null=True)
    closed_by = models.CharField(max_length=255, blank=True)  # subject
    closed_event = models.CharField(max_length=36, blank=True)
    result = models.TextField(blank=True)
    result_digest = models.CharField(max_length=64, blank=True)  # hex SHA-256 of the whole file
    as_of = models.DateTimeField(null=True)  # the moment of the list
    changed = models.JSONField(default=list)  # accounts that changed while it was written
    total = models.PositiveIntegerField(default=0)  # accounts to write, while it opens or closes
    lease = models.DateTimeField(null=True)  # until when who opens or closes it counts as alive
    # What was reassigned, oldest first: person, reviewer and by (each iss, sub), at, event.
    reassignments = models.JSONField(default=list)

    objects = Opened()
    opening = Opening()
    anyhow: models.Manager[Review] = models.Manager()

    class Meta:
        ordering = ("-opened_at", "id")

    def __str__(self) -> str:
        return self.title


class ReviewItem(models.Model):
    """One account as it was when the review opened, and what was decided on it.

    What is above `choice` is never written again: the digest of the review holds it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    review = models.ForeignKey(Review, models.CASCADE, related_name="items")
    number = models.PositiveIntegerField()  # from 1
    account = models.UUIDField()  # of the inventory's row
    auth0_id = models.CharField(max_length=128)
    iss = models.CharField(max_length=255)
    sub = models.CharField(max_length=255)
    connection = models.CharField(max_length=128)
    state = models.CharField(max_length=20)
    scopes = models.JSONField(default=list)
    excess = models.JSONField(default=list)  # scopes that no manifest declared
    last_used_at = models.DateTimeField(null=True)
    elsewhere_on = models.DateField(null=True)  # last UTC day another application got a token
    watched_since = models.DateTimeField()
    uses = models.JSONField(default=list)  # agent, skill, count, last
    choice = models.CharField(max_length=10, choices=Choice, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    decided_at = models.DateTimeField(null=True)
    decided_iss = models.CharField(max_length=255, blank=True)
    decided_sub = models.CharField(max_length=255, blank=True)
    self_review = models.BooleanField(default=False)  # who decided owns the account
    event = models.CharField(max_length=36, blank=True)  # of the decision
    operation = models.CharField(max_length=36, blank=True)  # of the revocation it led to
    approval = models.CharField(max_length=36, blank=True)  # that the revocation waited for

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["review", "number"], name="one_review_number"),
            models.UniqueConstraint(fields=["review", "account"], name="reviewed_once"),
        )
        indexes = (
            models.Index(fields=["iss", "sub", "choice"], name="review_by_owner"),
            models.Index(fields=["review", "choice", "number"], name="review_by_choice"),
        )
        ordering = ("number",)

    def __str__(self) -> str:
        return f"{self.review_id} {self.number}"


class ReviewLines(models.Model):
    """Some lines of the signed result of a closed review, each about one account (RFC 8785)."""

    review = models.ForeignKey(Review, models.CASCADE, related_name="lines")
    first = models.PositiveIntegerField()  # number of the first account in it
    text = models.TextField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["review", "first"], name="one_block_of_lines"),
        )

    def __str__(self) -> str:
        return f"{self.review_id} from {self.first}"


class ReviewLetter(models.Model):
    """One letter to one reviewer about what they have left to decide when it is due."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    review = models.ForeignKey(Review, models.CASCADE)
    person = models.ForeignKey("approvals.Person", models.CASCADE)
    state = models.CharField(max_length=10, default="pending")  # pending | sent | failed | needless
    attempts = models.PositiveSmallIntegerField(default=0)
    sent = models.DateTimeField(null=True)
    due = models.DateTimeField(db_index=True, null=True)
    lease = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"about {self.review_id}: {self.state}"


class ReviewWork(models.Model):
    """A large review that somebody asked to open or to close, until a worker has done it.

    `due` None: it was not done, and `code` and `detail` say why, until somebody has read that.
    """

    review = models.UUIDField(primary_key=True)  # that is to open, or is open
    verb = models.CharField(max_length=20)  # review.open | review.close
    actor = models.JSONField(default=dict)  # who asked
    params = models.JSONField(default=dict)
    asked = models.DateTimeField()
    seal = models.CharField(max_length=64, blank=True, default="")  # by reviews.asked
    due = models.DateTimeField(null=True, db_index=True)
    code = models.CharField(max_length=40, blank=True)
    detail = models.CharField(max_length=500, blank=True)

    def __str__(self) -> str:
        return f"{self.verb} {self.review}"
