"""Shapes of what `/v1` answers, for its OpenAPI document; the answers themselves are made where
the things live, and `tests/contract` holds the two together."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import ConfigDict, Field

from audit.ledger.format.allowed_field_values import OUTCOMES, SEVERITIES, SOURCES, VIAS

HASH = "^[0-9a-f]{64}$"


class Closed(Schema):
    """A schema that refuses other fields than those named."""

    model_config = ConfigDict(extra="forbid")


class Erased(Closed):
    """Stands where a personal value was erased."""

    erased: Literal[True]


type Text = str | Erased


def _one_of(values: tuple[str, ...]) -> Any:
    return Field(json_schema_extra={"enum": list(values)})


# The trail


class EventPerson(Closed):
    """Somebody an event names."""

    iss: str
    sub: Text
    name: Text
    email: Text


class EventActor(EventPerson):
    """Who did it, with the roles they had."""

    roles: list[str]


class EventTarget(Closed):
    """What it was done to."""

    kind: str
    name: Text
    instance: str


class EvidenceOut(Closed):
    """Evidence by its digest."""

    kind: str
    digest: str = Field(pattern=HASH)


class EventOut(Closed):
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


class EventPage(Closed):
    """One page of the trail; `next` is the cursor of the next one."""

    items: list[EventOut]
    next: str | None
    tree_size: int


class ReportedItem(Closed):
    """What became of one reported event."""

    index: int
    status: Literal["recorded", "refused"]
    id: UUID | None = None
    code: str | None = None
    detail: str | None = None
    pointer: str | None = None


class ReportedOut(Closed):
    """What became of each reported event, in their order."""

    results: list[ReportedItem]


class ExportOut(Closed):
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


class EffectOut(Closed):
    """One remote step."""

    instance: str
    label: str
    state: Literal["pending", "done", "failed", "unknown", "running"]
    detail: str
    tag: str = Field("", description="Of a step that `ata dc` carries out: sent along with it")


class NothingToDoOut(Closed):
    """It is so already: nothing was recorded and nobody was asked. `detail` says since when."""

    code: Literal["nothing_to_do"]
    detail: str


class CommittedOut(Closed):
    """A decision that was committed."""

    event_id: UUID
    operation: UUID
    sentence: str
    effects: list[EffectOut]


class StepsOut(Closed):
    """The remote steps of a decision."""

    operation: UUID
    effects: list[EffectOut]


class WaitingOut(Closed):
    """A decision that waits for somebody: poll `poll_url`."""

    approval_id: UUID
    binding_message: str | None
    expires_at: str
    poll_url: str
    sentence: str
    asked: str | None
    operation: UUID


class TargetOut(Closed):
    """What a decision is about; without `instance`, everywhere."""

    kind: str
    name: str
    instance: str | None = None


class AskOut(Closed):
    """One person who was asked; everybody of a group has a code of their own."""

    asked: str
    asked_sub: str
    binding_message: str
    channel: Literal["ciba", "passkey", "both", "either"]
    state: str
    detail: str


class ApprovalOut(Closed):
    """One approval with the exact text that its hash covers."""

    id: UUID
    verb: str
    target: TargetOut
    sentence: str
    severity: str = _one_of(SEVERITIES)
    reason: str
    answer: Literal["none", "approved", "denied"]
    inferred: bool
    status: Literal["pending", "closed"]
    outcome: Literal["approved", "denied", "expired", "failed", "cancelled"] | None
    proven: bool | None = Field(
        description="Whether what each approver signed verifies; null unless approved"
    )
    code: str | None
    detail: str | None
    binding_message: str | None
    asked: str | None
    asked_sub: str | None
    expires_at: str
    created_at: str
    single_person: bool
    needed: int
    policy: str = Field(pattern=HASH)
    rule: str
    asks: list[AskOut]
    held: bool
    effects: list[EffectOut]
    intent: str
    intent_hash: str = Field(pattern=HASH)
    event_id: UUID | None


class ApprovalList(Closed):
    """Approvals, newest first; `next` goes on behind the last."""

    items: list[ApprovalOut]
    next: str | None


class PolicyOut(Closed):
    """The policy in force: its document, and each rule as a sentence."""

    digest: str = Field(pattern=HASH)
    number: int
    document: dict[str, Any]
    sentences: list[str]


class TrialOut(Closed):
    """What would happen, by which rule, and why that one."""

    kind: Literal["refuse", "commit", "require"]
    sentence: str
    rule: str | None
    why: list[str]
    approver: Literal["self", "another", "group"] | None
    channel: Literal["ciba", "passkey", "both", "either"] | None
    needed: int
    within_s: int | None
