"""One approval as its page shows it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Prefetch, prefetch_related_objects

from approvals import cancel_resend_confirm_denial, clock, proven_approvals
from approvals.absence import absence_in_words
from approvals.models import Approval, Ask, AskState, Effect, Notice, NoticeState, Outcome, Status
from approvals.notifications import delivery
from approvals.pipeline.deny_expire_cancel import confirming_ends_hold
from approvals.proven_approvals import Signature
from approvals.step_up import rate_limit, take_ciba_or_passkey_answer
from approvals.step_up.facts_shown_to_approver import Fact, facts
from approvals.views import request_labels
from approvals.views.holds_that_stay import again_url, decide_url, why_hold_stays
from approvals.views.passkey_answers import Offer, offer
from approvals.views.reason_and_finding_shown import Because, because
from approvals.views.request_audit_history import History, history
from approvals.views.request_labels import Standing
from approvals.views.request_steps import Step, open_effects, steps
from audit.recording.actors import Actor
from enforcement.effects.all_agents_summary import Overall, clause_after_decision
from enforcement.gateways.effects_at_gateways import INSTALLED
from ui import person_links
from ui.local_tenant import phone_url

_MAY_READ = frozenset({"auditor", "operator", "admin"})


@dataclass(frozen=True, slots=True)
class Asked:
    """One person who was asked, and what came of it."""

    ask: Ask
    name: str
    standing: Standing
    detail: str
    notices: list[Notice]
    url: str = ""  # the page of the person


@dataclass(frozen=True, slots=True)
class Detail:
    """Everything the template reads; plain values, made once."""

    approval: Approval
    ask: Ask | None
    standing: Standing
    asks: list[Asked]
    steps: list[Step]
    because: Because
    history: History
    requester: str
    requester_url: str
    channel: str
    asked: str
    asked_phone: str
    total_s: int
    facts: list[Fact]
    policy: str
    changed_usual_time: str
    outcome: str
    phones_may_show: str
    no_longer: str
    phone_url: str
    event_url: str
    can_cancel: bool
    can_send_again: bool
    can_confirm: bool
    confirming_ends_hold: bool
    can_say_why: bool
    live: bool
    version: str
    by_passkey: Offer | None
    hold_stays: str
    decide_url: str
    again_url: str
    away: str

    @property
    def came_to(self) -> str:
        """Where it is, as the title goes on after its sentence: with what the block that was
        approved does now, or that the hold stays."""
        approval, effect = self.approval, self.because.effect
        if approval.outcome == Outcome.APPROVED and effect:
            installed = approval.target_kind in INSTALLED
            return self.standing.text + clause_after_decision(
                Overall(effect), installed=installed, where=approval.target_instance
            )
        stays = approval.held and bool(approval.outcome)
        return f"{self.standing.text}, and the hold stays" if stays else self.standing.text

    @property
    def waiting(self) -> bool:
        """Whether a code on a phone still counts."""
        pending = self.approval.status == Status.PENDING
        open_ = pending and self.ask is not None and self.ask.state in _OPEN
        return open_ and self.ask is not None and not request_labels.is_over(self.ask)

    @property
    def on_phone(self) -> bool:
        """Whether the code is on a phone that has yet to answer."""
        ask = self.ask
        return (
            self.waiting
            and ask is not None
            and take_ciba_or_passkey_answer.accepts(ask, "ciba")
            and "ciba" not in ask.answers
            and not rate_limit.waits(ask)
        )

    @property
    def finding_is_named(self) -> bool:
        """Whether what the approver reads has the title of the finding already."""
        title = self.because.finding.title if self.because.finding else ""
        return bool(title) and any(title in fact.text for fact in self.facts)

    @property
    def names_finding(self) -> bool:
        """Whether a row about the finding has something to say: its title, or a link to it."""
        return self.because.finding is not None and bool(
            self.because.url or not self.finding_is_named
        )

    @property
    def its_turn(self) -> str:
        """When the push is sent, while its person has had enough of them for now."""
        return (
            request_labels.how_to_answer(self.ask)
            if self.ask and rate_limit.waits(self.ask)
            else ""
        )


_OPEN = {AskState.STARTING, AskState.WAITING}
_CODE = re.compile(r"[a-z_]+")
_WORTH_SAYING = {NoticeState.SENT, NoticeState.FAILED}


def version_of(approval: Approval) -> str:
    """Changes whenever the page would look different; three queries."""
    columns = ("number", "state", "detail", "expires_at", "answers")
    asks = approval.asks.order_by("number").values_list(*columns)
    over = [expires_at <= clock.now() for _, _, _, expires_at, _ in asks]
    effects = Effect.objects.filter(operation=approval.operation).order_by("created", "id")
    states = effects.values_list("state", "detail", "attempts")
    seen = (approval.status, approval.outcome, approval.inferred, approval.held, approval.event_id)
    text = repr((seen, list(asks), over, list(states)))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def detail(approval: Approval, viewer: Actor) -> Detail:
    """The page of one approval as `viewer` may see it."""
    version = version_of(approval)  # first: what changes while the rest is read is read again
    in_order = Ask.objects.select_related("person").prefetch_related("notices").order_by("number")
    prefetch_related_objects([approval], Prefetch("asks", in_order))
    asks = list(approval.asks.all())
    ask = request_labels.shown_ask(request_labels.answered_asks(approval, asks) or asks, viewer)
    effects = list(Effect.objects.filter(operation=approval.operation).order_by("created", "id"))
    readable = bool(viewer.roles & _MAY_READ)
    event_url = f"/audit/events/{approval.event_id}/" if readable and approval.event_id else ""
    asked = request_labels.person_name(ask.person, viewer) if ask else ""
    signed = proven_approvals.signatures([approval])[approval.pk]
    no_longer = request_labels.no_longer_possible(approval)
    pending = approval.status == Status.PENDING
    can_confirm = cancel_resend_confirm_denial.may_confirm_denial(viewer, approval)
    return Detail(
        approval=approval,
        ask=ask,
        standing=request_labels.standing(approval, ask, viewer, signed),
        asks=[_asked(one, approval, viewer, signed) for one in asks],
        steps=steps(approval, ask, effects, viewer, signed, event_url),
        because=because(approval, viewer),
        history=history(approval, viewer),
        requester=request_labels.requester_name(approval, viewer),
        requester_url=person_links.page_of_subject(
            viewer, approval.requester_iss, approval.requester_sub
        ),
        channel=request_labels.channel_of(approval),
        asked=asked,
        asked_phone="Your phone" if asked == "you" else f"The phone of {asked}",
        total_s=request_labels.total_s(approval, ask),
        facts=_facts(approval, ask, viewer),
        policy=request_labels.policy_sentence(approval, ask),
        changed_usual_time=request_labels.changed_usual_time(approval),
        outcome=request_labels.outcome_words(approval, viewer, signed, effects)
        if approval.outcome
        else "",
        phones_may_show=request_labels.phones_may_show(approval, asks),
        no_longer=no_longer,
        phone_url=phone_url(ask.person.sub) if ask and pending else "",
        event_url=event_url,
        can_cancel=pending and cancel_resend_confirm_denial.may_cancel(viewer, approval),
        can_send_again=pending
        and ask is not None
        and not request_labels.is_over(ask)
        and cancel_resend_confirm_denial.may_send_again(viewer, approval)
        and cancel_resend_confirm_denial.may_be_asked_again(asks, ask.person_id),
        can_confirm=can_confirm,
        confirming_ends_hold=can_confirm and confirming_ends_hold(approval, viewer),
        can_say_why=cancel_resend_confirm_denial.may_say_why(viewer, approval),
        live=_is_live(approval, effects),
        version=version,
        by_passkey=offer(approval, asks, viewer, still_true=not no_longer),
        hold_stays=why_hold_stays(approval, ask_gateways=True),
        decide_url=decide_url(approval, viewer),
        again_url=again_url(approval, viewer),
        away=absence_in_words.of_request(approval, ask, asked) if ask and pending else "",
    )


def _facts(approval: Approval, ask: Ask | None, viewer: Actor) -> list[Fact]:
    """What the approver reads. Of a request that is over, without what did not happen: what came of
    a denial or of no answer is in its outcome."""
    rows = facts(approval, ask.person if ask else None, reader=viewer)
    if approval.status != Status.CLOSED:
        return rows
    rows = [row for row in rows if row.name != "if_denied"]
    if approval.outcome != Outcome.APPROVED:
        return [row for row in rows if row.name != "if_approved"]
    return [
        replace(row, label="As requested") if row.name == "if_approved" else row for row in rows
    ]


def _is_live(approval: Approval, effects: list[Effect]) -> bool:
    """Whether something is still to come: an answer, evidence of a denial, a remote step."""
    return approval.status != Status.CLOSED or approval.inferred or open_effects(effects)


def _asked(ask: Ask, approval: Approval, viewer: Actor, signed: Collection[Signature]) -> Asked:
    name = request_labels.person_name(ask.person, viewer)
    return Asked(
        ask=ask,
        name="You" if name == "you" else name,
        standing=request_labels.ask_standing(ask, approval, signed),
        detail=_why_it_ended(ask, approval),
        notices=[notice for notice in ask.notices.all() if notice.state in _WORTH_SAYING],
        url=person_links.page_of(viewer, ask.person),
    )


def _why_it_ended(ask: Ask, approval: Approval) -> str:
    """What is recorded about the end of an ask, without its code; empty where the outcome of the
    request has the same words."""
    code, separator, said = ask.detail.partition(": ")
    words = said if separator and _CODE.fullmatch(code) else ask.detail
    return "" if words == approval.outcome_detail else words


def as_context(found: Detail) -> dict[str, Any]:
    """Context of `approvals/detail.html` and its live part."""
    mailed = delivery.has_mail_server()
    return {"found": found, "approval": found.approval, "mailed": mailed}
