"""What depends on an account: who used it, what fails next, when the last issued token dies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from approvals import clock
from approvals.models import Approval, Effect, EffectState
from audit.models import EventRow
from connections.component_manifests import manifest_store
from connections.models import ConnectedAccount, State, Use
from connections.scopes import catalogue
from connections.status import member_overview
from connections.status.member_overview import Past

_STEP_STATES = {
    EffectState.DONE: "done",
    EffectState.PENDING: "doing",
    EffectState.FAILED: "failed",
    EffectState.UNKNOWN: "unknown",
}


@dataclass(frozen=True, slots=True)
class Impact:
    """The consequences of a revocation, as far as we saw."""

    uses: tuple[Use, ...]
    components: tuple[str, ...]  # whose manifests need the connection
    token_dies: datetime | None  # None: no token of ours is alive
    past_us: tuple[Past, ...] = ()  # applications that Auth0 gave tokens, the last day first

    def sentences(self, account: ConnectedAccount) -> list[str]:
        """Each consequence in words, most immediate first."""
        title = catalogue.title(account.connection)
        when = "already" if account.state == State.SUSPENDED else "effective immediately"
        sentences = [f"No new {title} tokens are issued for this account, {when}."]
        users = sorted({member_overview.user_name(use) for use in self.uses})
        if users:
            whose = (
                "its next token request" if len(users) == 1 else "the next token request of each"
            )
            have = "has" if len(users) == 1 else "have"
            sentences.append(f"{', '.join(users)} {have} used this account; {whose} is refused.")
        else:
            sentences.append("No agent has used it through our broker since tracking began.")
        if self.past_us:
            names = ", ".join(one.name for one in self.past_us)
            day = f"{self.past_us[0].day:%-d %b %Y}"
            sentences.append(
                f"{names} used it directly at Auth0, last on {day} (tenant log). That can "
                "continue until it is deleted at Auth0."
            )
        if self.token_dies:
            until = f"{self.token_dies.day} {self.token_dies:%b %H:%M} UTC"
            sentences.append(f"Tokens already issued work at {title} until {until}.")
        return sentences


def of(account: ConnectedAccount) -> Impact:
    """The impact of revoking an account now."""
    dies = account.last_token_expires_at
    return Impact(
        uses=tuple(account.uses.order_by("-last")),
        components=tuple(str(need.manifest) for need in manifest_store.naming(account.connection)),
        token_dies=dies if dies and dies > clock.now() else None,
        past_us=member_overview.past_us([account]).get(account.pk, ()),
    )


def steps(account: ConnectedAccount) -> list[dict[str, object]]:
    """How far a revocation is: the broker's refusal, then every remote step."""
    if account.state not in {State.REVOCATION_PENDING, State.REVOKED} or not account.operation:
        return []
    sentences: list[dict[str, object]] = [
        {"state": "done", "text": "Refused at the broker", "when": account.state_since}
    ]
    for effect in _effects(account):
        state = _STEP_STATES[EffectState(effect.state)]
        detail = account.deletion_detail or effect.detail
        sentences.append({"state": state, "text": effect.label, "detail": detail})
    return sentences


def _effects(account: ConnectedAccount) -> QuerySet[Effect]:
    """Its own remote steps: those of other accounts may share the operation."""
    found = Effect.objects.filter(operation=account.operation, target_kind="connection")
    return found.filter(target_name=str(account.id)).order_by("created")


def approval_of(account: ConnectedAccount) -> Approval | None:
    """The request that holds this account, else the newest to do something with it; permissions
    for one component are distinguished."""
    if account.held_by and (holding := Approval.objects.filter(pk=account.held_by).first()):
        return holding
    found = Approval.objects.filter(target_kind="connection", target_name=str(account.id))
    found = found.exclude(verb__startswith="scope.")
    return found.order_by("-created").first()


PAGE = 30


def timeline(
    account: ConnectedAccount, before: UUID | None = None
) -> tuple[Sequence[EventRow], UUID | None]:
    """What the trail says about this account, newest first, and behind which event it goes on.

    Args:
        before: the last event of the page before.
    """
    found = EventRow.objects.filter(target_kind="connection", target_name=str(account.id))
    last = found.filter(event=before).first() if before else None
    if last is not None:
        found = found.filter(Q(time__lt=last.time) | Q(time=last.time, event__lt=last.event))
    rows = list(found.order_by("-time", "-event")[: PAGE + 1])
    return rows[:PAGE], rows[PAGE - 1].event if len(rows) > PAGE else None
