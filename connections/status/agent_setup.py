"""What an MCP server needs before an agent can use it for a person, and whether one did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, Min

from audit.recording.actors import Actor
from connections import permissions
from connections.component_manifests import allow_required_before_credentials
from connections.component_manifests import enforcement_decision_hook as hook
from connections.lifecycle import freezes
from connections.models import NOT_HELD, ConnectedAccount, Freeze, Manifest, ManifestNeed, Use
from connections.scopes import catalogue, containment
from connections.scopes.catalogue import Scope
from connections.status import state_filters
from connections.status.account_status import Standing

KIND = "mcp"


@dataclass(frozen=True, slots=True)
class Need:
    """A service that a server declares, its scopes in words, and the person's accounts there."""

    connection: str
    title: str
    scopes: tuple[Scope, ...]
    accounts: tuple[tuple[ConnectedAccount, Standing], ...]

    @property
    def usable(self) -> bool:
        """Whether agents get tokens of one of the accounts."""
        return any(standing.usable for _, standing in self.accounts)

    @property
    def lacking(self) -> tuple[Scope, ...]:
        """Declared scopes that no usable account has; empty where one does not name its scopes."""
        usable = [account for account, standing in self.accounts if standing.usable]
        names = [scope.name for scope in self.scopes]
        beyond = [
            set(containment.beyond(self.connection, names, one.scopes)) if one.scopes else set()
            for one in usable
        ]
        fewest = min(beyond, key=len, default=set())
        return tuple(scope for scope in self.scopes if scope.name in fewest)


@dataclass(frozen=True, slots=True)
class Setup:
    """What the broker would ask of one server and agent for one person; names are reported.

    Attributes:
        decision: none, allow, hold or block, as enforcement decided.
        allowed: whether the broker takes that decision.
        frozen: the freeze that stops this agent; one of the person or a service is on an account.
        first, last: the first and last token that the agent got through this server.
    """

    manifest: Manifest
    decision: str
    allowed: bool
    needs: tuple[Need, ...]
    frozen: Freeze | None
    first: datetime | None
    last: datetime | None


def servers() -> list[Manifest]:
    """MCP servers that are declared, with their needs."""
    return list(Manifest.objects.filter(kind=KIND).prefetch_related("needs").order_by("name"))


def read(me: Actor, manifest: Manifest, agent: str) -> Setup:
    """How far the person is with this server and agent."""
    needs = list(manifest.needs.all())
    mine = list(permissions.mine(me).filter(connection__in=[one.connection for one in needs]))
    standings = state_filters.of_all(one for one in mine if one.state not in NOT_HELD)
    decision = hook.decision_of(KIND, manifest.name)
    takes = {hook.ALLOW, hook.NONE} if allow_required_before_credentials.is_open() else {hook.ALLOW}
    used = Use.objects.filter(account__in=mine, agent=agent, skill=f"{KIND}:{manifest.name}")
    return Setup(
        manifest=manifest,
        decision=decision,
        allowed=decision in takes,
        needs=tuple(_need(one, standings) for one in needs),
        frozen=freezes.in_force(agent, me.sub, ""),
        **used.aggregate(first=Min("first"), last=Max("last")),
    )


def _need(need: ManifestNeed, standings: dict[ConnectedAccount, Standing]) -> Need:
    held = [(one, stands) for one, stands in standings.items() if one.connection == need.connection]
    return Need(
        need.connection,
        catalogue.title(need.connection),
        tuple(catalogue.in_words(need.connection, need.scopes)),
        tuple(held),
    )
