"""Enrolled passkeys: public keys and whose they are. The secret halves were never here."""

from __future__ import annotations

from django.db import models

from audit.recording.actors import Actor


class Passkey(models.Model):
    """One credential of one person. The audit trail has its enrolment; this row is found faster.

    `handle` names it in addresses and events: 22 characters of the SHA-256 of its credential id,
    which may be a kilobyte long (WebAuthn Level 2 section 6.5.1).
    """

    handle = models.CharField(max_length=22, primary_key=True, editable=False)
    credential_id = models.TextField(unique=True)  # base64url without padding
    public_key = models.BinaryField()  # SubjectPublicKeyInfo, DER
    algorithm = models.IntegerField()  # COSE: -7 ES256, -8 EdDSA, -257 RS256
    person = models.ForeignKey("approvals.Person", models.PROTECT, related_name="passkeys")
    rp_id = models.CharField(max_length=255)
    origins = models.JSONField(default=list)
    name = models.CharField(max_length=60)
    transports = models.JSONField(default=list)
    backed_up = models.BooleanField(default=False)
    attestation = models.CharField(max_length=10)  # none | self
    sign_count = models.BigIntegerField(default=0)
    enrolled = models.DateTimeField()
    enrolled_by = models.CharField(max_length=36)  # the operation, under which its event is found
    last_used = models.DateTimeField(null=True)
    approver_since = models.DateTimeField(null=True)  # a second person confirmed it
    confirmed_by = models.CharField(max_length=36, blank=True)  # the operation
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.CharField(max_length=36, blank=True)  # the operation

    class Meta:
        ordering = ("enrolled", "handle")

    def __str__(self) -> str:
        return self.name

    def belongs_to(self, actor: Actor) -> bool:
        """Whether this is a key of the one who acts."""
        return (self.person.iss, self.person.sub) == (actor.iss, actor.sub)
