"""Administrative acts that gateways recorded since they are watched."""

from __future__ import annotations

from django.db import models


class AdministrativeAct(models.Model):
    """One row of a gateway in which a person changed what agents may do.

    It belongs to the decision `operation`, or has an event `bypass.found`. One act can leave
    several rows: the later ones are `part_of` the first.
    """

    event = models.UUIDField(primary_key=True, editable=False)  # of the row
    instance = models.CharField(max_length=60)
    action = models.CharField(max_length=100)  # as the gateway logs it
    connector = models.CharField(max_length=60, blank=True)
    act = models.CharField(max_length=20)
    kind = models.CharField(max_length=30, blank=True)
    name = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()
    relaxes = models.BooleanField()
    operation = models.CharField(max_length=36, blank=True)
    part_of = models.UUIDField(null=True)
    bypass = models.UUIDField(null=True, unique=True)  # the event `bypass.found`
    claim = models.CharField(max_length=36, blank=True)  # operation of the claim

    class Meta:
        indexes = (
            models.Index(fields=["instance", "kind", "name", "at"], name="act_target"),
            models.Index(fields=["instance", "act", "at"], name="act_moment"),
            models.Index(fields=["operation"], name="act_operation"),
            models.Index(fields=["part_of"], name="act_part_of"),
        )

    def __str__(self) -> str:
        return f"{self.action} {self.name} at {self.instance}"
