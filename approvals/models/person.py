"""Who can be asked: people known from the issuer, at sign-in or from its directory."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.db import models

from approvals.models import person_access_end
from audit.recording.actors import Actor, Subject

if TYPE_CHECKING:
    _Text = models.CharField[Any, Any]
else:
    _Text = models.CharField  # generic for the type checker only


class ListedAs(_Text):
    """Where a list of people has its place for somebody: e-mail, name or subject, folded."""

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        names = (getattr(model_instance, key) for key in ("email", "name", "sub"))
        value = next(filter(None, names), "").casefold()[:255]
        setattr(model_instance, self.attname, value)
        return value


class HasRoles(models.Func):
    """Whether somebody has any role. Without a parameter: both engines take an index of some rows
    only where the question is spelled as the index is."""

    arity = 1
    template = "%(expressions)s <> '[]'"
    output_field = models.BooleanField()


class HasRole(models.Func):
    """Whether somebody has the role that the second argument names."""

    arity = 2
    output_field = models.BooleanField()

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> Any:
        words = "EXISTS (SELECT 1 FROM json_each(%(expressions)s))"
        return self.as_sql(compiler, connection, template=words, arg_joiner=") WHERE value = (")

    def as_postgresql(self, compiler: Any, connection: Any, **_: Any) -> Any:
        words = "%(expressions)s::text)"
        return self.as_sql(compiler, connection, template=words, arg_joiner=" @> to_jsonb(")


class Person(models.Model):
    """A subject at an issuer, with the roles it last gave. Order of `on_call` is the roster's."""

    iss = models.CharField(max_length=255)
    sub = models.CharField(max_length=255)
    name = models.CharField(max_length=200, blank=True)
    email = models.CharField(max_length=254, blank=True)
    roles = models.JSONField(default=list)
    roles_read_at = models.DateTimeField(null=True)  # when the directory's read of them began
    roles_issued_at = models.DateTimeField(null=True)  # `iat` of the newest sign-in
    on_call = models.PositiveSmallIntegerField(default=100)  # lower is asked first
    phone = models.BooleanField(null=True)  # enrolled for push; None = the issuer did not say
    last_asked = models.DateTimeField(null=True)
    away_until = models.DateField(null=True)  # the last day (UTC), as the person set it
    updated = models.DateTimeField()
    listed_as = ListedAs(max_length=255, default="", editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["iss", "sub"], name="one_person_per_subject"),
        )
        indexes = (
            models.Index(fields=["listed_as", "iss", "sub"], name="person_as_listed"),
            models.Index(
                fields=["on_call", "id"],
                name="person_with_roles",
                condition=models.Q(HasRoles("roles")),
            ),
        )
        ordering = ("on_call", "id")

    def __str__(self) -> str:
        return self.name or self.email or self.sub

    @property
    def subject(self) -> Subject:
        """As the audit trail names people."""
        return Subject(iss=self.iss, sub=self.sub, name=self.name, email=self.email)

    @property
    def roles_now(self) -> frozenset[str]:
        """The roles that count here: none once the person's access has ended."""
        return person_access_end.roles_left(self.iss, self.sub, frozenset(self.roles))

    def is_away(self, at: datetime) -> bool:
        """Whether others are asked first at this moment."""
        return self.away_until is not None and at.astimezone(UTC).date() <= self.away_until

    def as_actor(self, via: str) -> Actor:
        """As the one who acts, through the channel named by `via`."""
        return Actor(
            iss=self.iss,
            sub=self.sub,
            name=self.name,
            email=self.email,
            roles=self.roles_now,
            via=via,
        )
