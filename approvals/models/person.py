"""Who can be asked: people the issuer told us about, at sign-in or by its directory."""

from __future__ import annotations

from django.db import models

from audit.actor import Actor, Subject


class Person(models.Model):
    """A subject at an issuer, with the roles it last had. Order of `on_call` is the roster's."""

    iss = models.CharField(max_length=255)
    sub = models.CharField(max_length=255)
    name = models.CharField(max_length=200, blank=True)
    email = models.CharField(max_length=254, blank=True)
    roles = models.JSONField(default=list)
    on_call = models.PositiveSmallIntegerField(default=100)  # lower is asked first
    phone = models.BooleanField(null=True)  # enrolled for push; None = the issuer did not say
    last_asked = models.DateTimeField(null=True)
    updated = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["iss", "sub"], name="one_person_per_subject"),
        )
        ordering = ("on_call", "id")

    def __str__(self) -> str:
        return self.name or self.email or self.sub

    @property
    def subject(self) -> Subject:
        """As the audit trail names people."""
        return Subject(iss=self.iss, sub=self.sub, name=self.name, email=self.email)

    def as_actor(self, via: str) -> Actor:
        """As the one who acts, through the channel named by `via`."""
        return Actor(
            iss=self.iss,
            sub=self.sub,
            name=self.name,
            email=self.email,
            roles=frozenset(self.roles),
            via=via,
        )
