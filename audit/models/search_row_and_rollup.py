"""What search reads. Everything here can be rebuilt from events, openings and entries."""

from __future__ import annotations

from collections.abc import Collection

from django.db import models
from django.db.models import Q, QuerySet

ACCESS = ("access.reconciled", "access.revoked")
"""What tells of consents and refresh tokens of applications. They have an index of their own, by
which one's newest entry is found."""
ENROLMENTS = (
    "outpost.contested",
    "outpost.key_enrolled",
    "outpost.resumed",
    "outpost.revoked",
    "outpost.suspended",
    "passkey.enrolled",
    "passkey.revoked",
)
"""Entries that say which outposts and passkeys count. A partial index finds those of them that have
no entry number yet; the others are read from the log."""
ACCESS_END = "person.access_end_set"
"""The entry that says until when a person's roles count. A partial index serves it: it is looked up
whenever somebody with a role acts."""
INVENTORY = (
    *ACCESS,
    "agent.frozen",
    "agent.unfrozen",
    "connection.awake",
    "connection.connected",
    "connection.fell_asleep",
    "connection.frozen",
    "connection.reconciled",
    "connection.relaxed",
    "connection.restricted",
    "connection.resumed",
    "connection.revoked",
    "connection.suspended",
    "connection.unfrozen",
    "connection.use_seen",
    "connection.woken",
    "manifest.declared",
    "manifest.removed",
    "person.frozen",
    "person.unfrozen",
    "review.closed",
    "review.decided",
    "token.refused",
)
"""What `connections.auth_ibom.replay` takes but for uses, which only count; a test holds them
equal. It
has an index of its own, so that an inventory of the past need not read past everything else."""


class EventRow(models.Model):
    """One event as people look for it. `seq` is null until the sequencer gave it a leaf.

    `terms` holds every word and every filter value of the event as tokens
    (audit.search.index_tokens); the full-text index of either engine is built over it, so
    one index answers every filter.
    """

    event = models.UUIDField(primary_key=True)
    seq = models.BigIntegerField(null=True)
    time = models.DateTimeField()
    recorded_at = models.DateTimeField()
    action = models.TextField()
    family = models.TextField()
    outcome = models.TextField()
    severity = models.PositiveSmallIntegerField()  # rank, audit.severity
    source = models.TextField()
    instance = models.TextField(default="")
    actor_key = models.TextField(default="")
    actor_sub = models.TextField(default="")
    actor_name = models.TextField(default="")
    actor_email = models.TextField(default="")
    roles = models.TextField(default="")  # sorted, separated by one space
    target_kind = models.TextField(default="")
    target_name = models.TextField(default="")
    connection = models.TextField(default="")
    agent = models.TextField(default="")
    skill = models.TextField(default="")
    approval = models.TextField(default="")
    operation = models.TextField(default="")
    session = models.TextField(default="")
    request = models.TextField(default="")
    via = models.TextField(default="")
    human = models.CharField(max_length=2)  # H0 … H3
    sentence = models.TextField()
    terms = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["seq"], name="audit_row_seq", condition=Q(seq__isnull=False)
            )
        ]
        indexes = [
            # The order in which events happened.
            models.Index(fields=["time", "event"], name="audit_row_happened"),
            models.Index(fields=["event"], name="audit_row_pending", condition=Q(seq__isnull=True)),
            models.Index(
                fields=["operation", "event"], name="audit_row_story", condition=~Q(operation="")
            ),
            # The story of one connection, and its newest entry.
            models.Index(
                fields=["target_name", "seq"],
                name="audit_row_connection",
                condition=Q(target_kind="connection"),
            ),
            models.Index(
                fields=["seq"], name="audit_row_inventory", condition=Q(action__in=INVENTORY)
            ),
            models.Index(
                fields=["target_name", "seq"],
                name="audit_row_access",
                condition=Q(action__in=ACCESS),
            ),
            models.Index(
                fields=["target_name", "event"],
                name="audit_row_enrolments",
                condition=Q(action__in=ENROLMENTS),
            ),
            models.Index(
                fields=["target_name", "event"],
                name="audit_row_access_end",
                condition=Q(action=ACCESS_END),
            ),
        ]

    def __str__(self) -> str:
        return self.sentence

    @classmethod
    def of_operation(cls, operation: str) -> QuerySet[EventRow]:
        """The rows of one operation, by their index; none of "".

        SQLite takes a partial index only where its condition is in the query.
        """
        return cls.objects.exclude(operation="").filter(operation=operation)

    @classmethod
    def of_operations(cls, operations: Collection[str]) -> QuerySet[EventRow]:
        """The rows of several operations, as `of_operation` finds those of one."""
        return cls.objects.exclude(operation="").filter(operation__in=operations)


class Rollup(models.Model):
    """How many sequenced events a range of event time holds for one combination of facets.

    The range is `grain` hours long and begins `start` hours after 1970 began
    (`audit.search.rollups`).
    """

    grain = models.PositiveSmallIntegerField()
    start = models.IntegerField()
    action = models.TextField()
    source = models.TextField()
    outcome = models.TextField()
    severity = models.PositiveSmallIntegerField()
    human = models.CharField(max_length=2)
    via = models.TextField()
    n = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "grain",
                    "start",
                    "action",
                    "source",
                    "outcome",
                    "severity",
                    "human",
                    "via",
                ],
                name="audit_rollup_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.start} + {self.grain} h: {self.n}"
