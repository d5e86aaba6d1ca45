"""Shapes of what `/v1` answers, for its OpenAPI document; the answers themselves are made where
the things live, and `tests/contract` holds the two together."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import ConfigDict, Field

from audit.ledger.vocabulary import OUTCOMES, SEVERITIES, SOURCES, VIAS

_HASH = "^[0-9a-f]{64}$"


class _Closed(Schema):
    model_config = ConfigDict(extra="forbid")


class Erased(_Closed):
    """Stands where a personal value was erased."""

    erased: Literal[True]


type Text = str | Erased


def _one_of(values: tuple[str, ...]) -> Any:
    return Field(json_schema_extra={"enum": list(values)})


# The trail


class EventPerson(_Closed):
    """Somebody an event names."""

    iss: str
    sub: Text
    name: Text
    email: Text


class EventActor(EventPerson):
    """Who did it, with the roles they had."""

    roles: list[str]


class EventTarget(_Closed):
    """What it was done to."""

    kind: str
    name: Text
    instance: str


class EvidenceOut(_Closed):
    """Evidence by its digest."""

    kind: str
    digest: str = Field(pattern=_HASH)


class EventOut(_Closed):
    """One event, opened. `index` is its place in the log, null in the second before it has one."""

    event_schema: Literal["ata.event.v1"] = Field(alias="schema")
    id: UUID
    index: int | None
    time: str
    recorded_at: str
    action: str
    outcome: str = _one_of(OUTCOMES)
    severity: str = _one_of(SEVERITIES)
    source: str = _one_of(SOURCES)
    via: str = _one_of(VIAS)
    instance: str
    actor: EventActor
    on_behalf_of: EventPerson | None
    target: EventTarget | None
    connection: str
    agent: str
    skill: str
    approval: str
    operation: str
    session: str
    request: str
    intent_hash: str
    reason: Text
    changes: Any
    data: dict[str, Any]
    evidence: list[EvidenceOut]
    human: str = Field(pattern="^H[0-3]$")
    log: str = Field(pattern="^L[0-3]$")


class EventPage(_Closed):
    """One page of the trail; `next` is the cursor of the next one."""

    items: list[EventOut]
    next: str | None
    tree_size: int


class ReportedItem(_Closed):
    """What became of one reported event."""

    index: int
    status: Literal["recorded", "refused"]
    id: UUID | None = None
    code: str | None = None
    detail: str | None = None
    pointer: str | None = None


class ReportedOut(_Closed):
    """What became of each reported event, in their order."""

    results: list[ReportedItem]


class ExportOut(_Closed):
    """How far an export is."""

    id: UUID
    status: Literal["waiting", "running", "ready", "failed", "expired"]
    format: str
    filter: dict[str, list[str]]
    words: str
    rows: int | None
    expected_rows: int
    estimated: bool
    bytes: int | None
    sha256: str | None
    tree_size: int
    event_id: UUID | None
    error: str | None
    file: str
    created: str
    finished: str | None
    expires: str
    download: str
    manifest: str


# Decisions


class EffectOut(_Closed):
    """One remote step."""

    instance: str
    label: str
    state: Literal["pending", "done", "failed", "unknown", "running"]
    detail: str


class CommittedOut(_Closed):
    """A decision that was committed."""

    event_id: UUID
    operation: UUID
    effects: list[EffectOut]


class WaitingOut(_Closed):
    """A decision that waits for somebody: poll `poll_url`."""

    approval_id: UUID
    binding_message: str | None
    expires_at: str
    poll_url: str
    sentence: str
    asked: str | None
    operation: UUID


class TargetOut(_Closed):
    """What a decision is about; without `instance`, everywhere."""

    kind: str
    name: str
    instance: str | None = None


class AskOut(_Closed):
    """One person who was asked; everybody of a group has a code of their own."""

    asked: str
    asked_sub: str
    binding_message: str
    channel: Literal["ciba", "passkey", "both", "either"]
    state: str
    detail: str


class ApprovalOut(_Closed):
    """One approval with the exact text that its hash covers."""

    id: UUID
    verb: str
    target: TargetOut
    sentence: str
    severity: str = _one_of(SEVERITIES)
    reason: str
    answer: Literal["none", "approved", "denied"]
    inferred: bool
    status: Literal["pending", "deciding", "closed"]
    outcome: Literal["approved", "denied", "expired", "failed", "cancelled"] | None
    code: str | None
    detail: str | None
    binding_message: str | None
    asked: str | None
    asked_sub: str | None
    expires_at: str
    created_at: str
    single_person: bool
    needed: int
    policy: str = Field(pattern=_HASH)
    rule: str
    asks: list[AskOut]
    held: bool
    effects: list[EffectOut]
    intent: str
    intent_hash: str = Field(pattern=_HASH)
    event_id: UUID | None


class ApprovalList(_Closed):
    """Approvals, newest first."""

    items: list[ApprovalOut]


class PolicyOut(_Closed):
    """The policy in force: its document, and each rule as a sentence."""

    digest: str = Field(pattern=_HASH)
    number: int
    document: dict[str, Any]
    sentences: list[str]


class TrialOut(_Closed):
    """What would happen, by which rule, and why that one."""

    kind: Literal["refuse", "commit", "require"]
    sentence: str
    rule: str | None
    why: list[str]
    approver: Literal["self", "another", "group"] | None
    channel: Literal["ciba", "passkey", "both", "either"] | None
    needed: int
    within_s: int | None


# Connections, manifests, the broker


class Owner(_Closed):
    """Whose account it is."""

    iss: str
    sub: str
    name: str
    email: str


class AllowanceOut(_Closed):
    """Scopes beyond its manifest that a component may use until a time."""

    id: UUID
    component: str
    scopes: list[str]
    agent: str | None
    granted_at: str
    expires_at: str
    approval_id: UUID | None


class ConnectionOut(_Closed):
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


class ConnectionList(_Closed):
    """Connected accounts that you may see; `next` goes on behind the last, `total` is of all."""

    items: list[ConnectionOut]
    next: UUID | None
    total: int


class InstantOut(_Closed):
    """A place in the log: how many entries, and when the last of them was recorded."""

    size: int
    time: str | None


class ChangeOwner(_Closed):
    """Whose account it is, as the entries tell."""

    iss: str
    sub: str
    email: str


class ChangeOut(_Closed):
    """One difference; `event_id` and `index` are of the newest entry that tells it."""

    what: Literal[
        "appeared",
        "vanished",
        "state",
        "scopes",
        "first_use",
        "manifest",
        "frozen",
        "unfrozen",
        "setting",
    ]
    name: str
    connection: str | None
    owner: ChangeOwner | Erased | None
    before: str
    after: str
    gained: list[str]
    lost: list[str]
    event_id: UUID | None
    index: int | None


class DifferenceOut(_Closed):
    """What changed in the inventory between two instants."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: InstantOut = Field(alias="from")
    to: InstantOut
    items: list[ChangeOut]


class HoursOut(_Closed):
    """When agents may get tokens."""

    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]]
    opens: str
    closes: str
    zone: str


class SettingOut(_Closed):
    """When accounts of a connection fall asleep, and who wakes them; `sentence` says it."""

    connection: str
    idle_h: int | None
    hours: HoursOut | None
    wake: Literal["use", "owner"]
    sentence: str
    changed_at: str


class SettingList(_Closed):
    """Just-in-time settings in force."""

    items: list[SettingOut]


class NeedOut(_Closed):
    """One connection with the scopes that may be asked for."""

    connection: str
    scopes: list[str]


class ManifestOut(_Closed):
    """A manifest and the decision in force; `event_id` where this call declared it."""

    kind: Literal["skill", "mcp", "plugin", "tool"]
    name: str
    connections: list[NeedOut]
    env: dict[str, str]
    url: str
    digest: str = Field(pattern=_HASH)
    declared_at: str
    decision: Literal["none", "allow", "hold", "block"]
    event_id: UUID | None = None


class ManifestList(_Closed):
    """Manifests in force."""

    items: list[ManifestOut]


class ProviderToken(_Closed):
    """A provider's access token, for the gateway that asked and for nobody else."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    connection: str
    event_id: UUID
