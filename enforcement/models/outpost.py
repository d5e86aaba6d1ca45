"""Outposts: programs next to a gateway that report what its databases hold (docs/outpost.md)."""

from __future__ import annotations

from typing import Final

from django.db import models
from django.db.models import Q

FIRST_PREVIOUS: Final = "0" * 64
"""What the first report of an outpost names as the one before it."""


class Outpost(models.Model):
    """One enrolled device key. `id` is the start of the key's SHA-256.

    `next_n` and `head` say how the chain of its reports goes on. One that is contested sent two
    continuations of that chain, so its key is in two places.
    """

    id = models.CharField(max_length=32, primary_key=True)
    public_key = models.CharField(max_length=43)  # Ed25519, base64url of the raw 32 bytes
    instance = models.CharField(max_length=60)
    operation = models.CharField(max_length=40)  # the decision that let it enrol
    enrolled_at = models.DateTimeField()
    suspended_at = models.DateTimeField(null=True)
    suspended_by = models.CharField(max_length=40, blank=True)  # operation
    revoked_at = models.DateTimeField(null=True)
    contested_at = models.DateTimeField(null=True)
    next_n = models.BigIntegerField(default=0)
    head = models.CharField(max_length=64, default=FIRST_PREVIOUS)
    reported_at = models.DateTimeField(null=True)
    version = models.CharField(max_length=60, blank=True)
    generation = models.CharField(max_length=20, blank=True)
    lag_s = models.BigIntegerField(null=True)
    # The key that signs its commands, as it pinned it; empty: from before there were commands.
    command_key = models.CharField(max_length=43, blank=True)
    last_command = models.BigIntegerField(default=0)  # number of the newest one
    seal = models.CharField(max_length=64, blank=True)  # by enforcement.outposts.sealed_rows

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["instance"],
                condition=Q(revoked_at__isnull=True),
                name="enforcement_one_outpost_an_instance",
            )
        ]

    def __str__(self) -> str:
        return f"{self.instance} ({self.id[:12]})"


class EnrolmentCode(models.Model):
    """The right of an approved `outpost.enrol` to one code, and the digest of that code.

    `instance` of a fleet code is a pattern of names (`build-*`). It is never marked as used: the
    entries of the log have its uses, and it is deleted when an admin ends it.
    """

    approval = models.UUIDField(primary_key=True)
    operation = models.CharField(max_length=40)
    instance = models.CharField(max_length=60)
    decided_at = models.DateTimeField()
    digest = models.CharField(max_length=64, null=True, unique=True)
    expires_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)
    uses = models.PositiveSmallIntegerField(default=1)
    until = models.DateTimeField(null=True)  # of a fleet code: the end that was approved
    seal = models.CharField(max_length=64, blank=True)  # by enforcement.outposts.sealed_rows

    def __str__(self) -> str:
        return f"{self.instance} {self.decided_at:%Y-%m-%d}"


class RevokedEnrolment(models.Model):
    """An enrolment that was revoked when only the log still had its outpost: the row was gone."""

    instance = models.CharField(max_length=60)
    enrolment = models.CharField(max_length=40)  # the decision that let the outpost enrol
    operation = models.CharField(max_length=40)  # the decision that revoked it
    revoked_at = models.DateTimeField()
    seal = models.CharField(max_length=64)  # by enforcement.outposts.sealed_rows

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["instance", "enrolment"], name="enforcement_one_end_an_enrolment"
            )
        ]

    def __str__(self) -> str:
        return f"{self.instance} {self.revoked_at:%Y-%m-%d}"


class SeenProof(models.Model):
    """A request proof that was used, until it would be too old anyway."""

    digest = models.CharField(max_length=64, primary_key=True)  # of the key and the proof's jti
    at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.digest[:12]


class OutpostReport(models.Model):
    """What a report's signature covers, by its number; the last ones of each outpost are kept."""

    outpost = models.ForeignKey(Outpost, models.CASCADE, related_name="reports")
    n = models.BigIntegerField()
    digest = models.CharField(max_length=64)
    signature = models.CharField(max_length=86)
    received_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["outpost", "n"], name="enforcement_one_report_a_number")
        ]

    def __str__(self) -> str:
        return f"{self.outpost_id} {self.n}"


class OutpostState(models.Model):
    """What an outpost last read next to its gateway. A null was never reported."""

    outpost = models.OneToOneField(Outpost, models.CASCADE, primary_key=True, related_name="state")
    entries = models.JSONField(null=True)  # rows of DefenseClaw's `actions` table
    quarantine = models.JSONField(null=True)
    config = models.JSONField(null=True)
    health = models.JSONField(null=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.outpost_id


class CommandState(models.TextChoices):
    """How far a command is, as the outpost reported it."""

    WAITING = "waiting", "not reported yet"
    DONE = "done", "carried out"
    REFUSED = "refused", "refused by the outpost"
    FAILED = "failed", "tried and failed"
    UNPROVEN = "unproven", "tried, and what it did was not read"


class OutpostCommand(models.Model):
    """One remote step as its outpost gets it; `id` is that of the step.

    `body` is what the command key signed, canonical JSON. `result` is what the outpost reported:
    `code`, `detail`, `exit`, `seconds`, `entries`, `left`, and the number of the report.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    outpost = models.ForeignKey(Outpost, models.CASCADE, related_name="commands")
    n = models.BigIntegerField()
    act = models.CharField(max_length=10)
    body = models.TextField()
    signature = models.CharField(max_length=86)
    issued_at = models.DateTimeField()
    fetched_at = models.DateTimeField(null=True)
    state = models.CharField(
        max_length=10, choices=CommandState, default=CommandState.WAITING, db_index=True
    )
    result = models.JSONField(default=dict)
    seal = models.CharField(max_length=64)  # by audit.evidence.row_seals

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["outpost", "n"], name="enforcement_one_command_a_number"
            )
        ]

    def __str__(self) -> str:
        return f"{self.act} {self.n}: {self.state}"
