"""Shapes of what `/v1` answers about connections, manifests and the broker (see `shapes`)."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from api.schemas import HASH, Closed, Erased, EventOut


class Owner(Closed):
    """Whose account it is."""

    iss: str
    sub: str
    name: str
    email: str


class AllowanceOut(Closed):
    """Scopes beyond its manifest that a component may use until a time."""

    id: UUID
    component: str
    scopes: list[str]
    agent: str | None
    granted_at: str
    expires_at: str
    approval_id: UUID | None


class AllowanceOnAccount(AllowanceOut):
    """One allowance with the account that it is about; `may_end` says whether you may end it."""

    connection_id: UUID
    connection: str
    title: str
    account: str | None
    owner: Owner
    may_end: bool


class AllowanceList(Closed):
    """Allowances in force, newest first; `next` goes on behind the last."""

    items: list[AllowanceOnAccount]
    next: UUID | None


class UnfinishedOut(Closed):
    """Something that was decided and is not finished; `step` names what can be tried again.

    `id` is of the account (deletion, suspension), the request, the step or the review's account.
    """

    kind: Literal["deletion", "request", "review", "step", "suspension"]
    id: UUID
    what: str
    state: Literal["waits", "failed", "unknown"]
    waits_for: str
    since: str
    detail: str
    step: UUID | None
    url: str


class UnfinishedList(Closed):
    """What is not finished, the oldest first; `next` goes on behind the last."""

    items: list[UnfinishedOut]
    next: str | None


class RetriedOut(Closed):
    """The step that a worker takes up now."""

    step: UUID
    due: str


class DifferencesOut(Closed):
    """How many differences of which kind; `other` are ends that moved or came, and returns."""

    appeared: int
    vanished: int
    scopes_changed: int
    other: int


class ComparisonOut(Closed):
    """One comparison of everybody with Auth0; `compared` of `people`, some `unreadable`."""

    id: UUID
    started: str
    finished: str | None
    people: int
    compared: int
    unreadable: int
    resumed: int
    differences: DifferencesOut


class ComparisonList(Closed):
    """Comparisons that are kept, newest first."""

    items: list[ComparisonOut]


class DriftItem(EventOut):
    """One difference: its event, and that in words."""

    sentence: str


class DriftOut(ComparisonOut):
    """A comparison and what it found, newest first; `next` goes on behind the last."""

    items: list[DriftItem]
    next: UUID | None


class ConnectionOut(Closed):
    """A connected account as Auth0 and the broker know it."""

    id: UUID
    connection: str
    title: str
    account: str | None
    owner: Owner
    state: Literal[
        "connected",
        "expiring",
        "asleep",
        "needs_reconnect",
        "suspended",
        "frozen",
        "revocation_pending",
        "gone",
        "revoked",
    ]
    state_since: str | None
    state_reason: str | None
    opens_at: str | None
    scopes: list[str]
    connected_at: str | None
    expires_at: str | None
    last_used_at: str | None
    last_agent: str | None
    last_skill: str | None
    last_token_expires_at: str | None
    watched_since: str
    source: str
    seen_at: str
    allowances: list[AllowanceOut]


class ConnectionList(Closed):
    """Connected accounts that you may see; `next` goes on behind the last, `total` is of all."""

    items: list[ConnectionOut]
    next: UUID | None
    total: int


class InstantOut(Closed):
    """A place in the log: how many entries, and when the last of them was recorded."""

    size: int
    time: str | None


class ChangeOwner(Closed):
    """Whose account or access it is, as the entries tell."""

    iss: str
    sub: str
    email: str


class ChangeOut(Closed):
    """One difference; `event_id` and `index` are of the newest entry that tells it.

    `connection` is of an account, `application` of a consent or refresh token at Auth0 itself, and
    `audiences` the APIs that this one opens at the later instant.
    """

    what: Literal[
        "appeared",
        "vanished",
        "state",
        "scopes",
        "apis",
        "first_use",
        "manifest",
        "frozen",
        "unfrozen",
        "setting",
    ]
    name: str
    connection: str | None
    application: str | None
    audiences: list[str] | None
    owner: ChangeOwner | Erased | None
    before: str
    after: str
    gained: list[str]
    lost: list[str]
    event_id: UUID | None
    index: int | None


class DifferenceOut(Closed):
    """What changed in the inventory between two instants."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: InstantOut = Field(alias="from")
    to: InstantOut
    items: list[ChangeOut]


class HoursOut(Closed):
    """When agents may get tokens."""

    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]]
    opens: str
    closes: str
    zone: str


class SettingOut(Closed):
    """When accounts of a connection fall asleep, and who wakes them; `sentence` says it."""

    connection: str
    idle_h: int | None
    hours: HoursOut | None
    wake: Literal["use", "owner"]
    sentence: str
    changed_at: str


class SettingList(Closed):
    """Just-in-time settings in force."""

    items: list[SettingOut]


class NeedOut(Closed):
    """One connection with the scopes that may be asked for."""

    connection: str
    scopes: list[str]


class ManifestOut(Closed):
    """A manifest and the decision in force; `event_id` where this call declared it."""

    kind: Literal["skill", "mcp", "plugin", "tool"]
    name: str
    connections: list[NeedOut]
    env: dict[str, str]
    url: str
    digest: str = Field(pattern=HASH)
    declared_at: str
    decision: Literal["none", "allow", "hold", "block"]
    event_id: UUID | None = None


class ManifestRemoved(Closed):
    """A manifest that is no longer in force."""

    kind: Literal["skill", "mcp", "plugin", "tool"]
    name: str
    event_id: UUID


class ManifestList(Closed):
    """Manifests in force."""

    items: list[ManifestOut]


class ProviderToken(Closed):
    """A provider's access token, for the gateway that asked and for nobody else."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    connection: str
    event_id: UUID
