"""Why the hold of a request that is over stays, what ends it, and where one decides again."""

from __future__ import annotations

from django.urls import reverse

from approvals import clock
from approvals.models import Approval, Outcome
from approvals.pipeline.deny_expire_cancel import signed_denial_until
from approvals.views import request_labels
from audit.recording.actors import Actor
from enforcement.component_kinds import KINDS

_SIGNED = "Only a denial that is signed with a passkey ends it at a gateway with an outpost."
_BY_POLICY = {
    Outcome.DENIED: ("on_denial", "The policy keeps it after a denial."),
    Outcome.EXPIRED: ("on_expiry", "The policy keeps it where no one answers."),
}
_WITHOUT_ANSWER = frozenset({Outcome.FAILED, Outcome.EXPIRED, Outcome.CANCELLED})
_ACTS = frozenset({"block", "allow", "unblock", "release"})


def why_hold_stays(approval: Approval, *, ask_gateways: bool = False) -> str:
    """Empty where it holds nothing, or the request is not over.

    Args:
        ask_gateways: whether it takes a signed denial is read now, and not as when it was asked.
    """
    if not approval.held or not approval.outcome:
        return ""
    signed = bool(approval.rule.get("signed_denial"))
    if ask_gateways:
        verb = request_labels.verb_of(approval)
        signed = verb is not None and verb.needs_proof(approval.target)
    return f"{_why(approval, signed)} {_what_ends_it(approval, signed)}".strip()


def decide_url(approval: Approval, viewer: Actor) -> str:
    """Where an operator decides about what a request that is over keeps on hold; empty for others,
    and where it holds no component."""
    over = approval.held and approval.outcome and not approval.inferred
    if not over or approval.target_kind not in KINDS or "operator" not in viewer.roles:
        return ""
    page = reverse("enforcement-asset", args=[approval.target_kind, approval.target_name])
    return f"{page}#decide"


def again_url(approval: Approval, viewer: Actor) -> str:
    """Where the viewer can request the same decision again, after a request that committed
    nothing; empty for decisions that no single page offers."""
    verb = request_labels.verb_of(approval)
    if verb is None or approval.outcome not in _WITHOUT_ANSWER:
        return ""
    if approval.held and approval.outcome != Outcome.FAILED:  # the hold is to be decided about
        return ""
    kind, act = approval.target_kind, approval.verb.rpartition(".")[2]
    if kind in KINDS and act in _ACTS and verb.roles & viewer.roles:
        return f"{reverse('enforcement-asset', args=[kind, approval.target_name])}#decide"
    own = (approval.requester_iss, approval.requester_sub) == (viewer.iss, viewer.sub)
    if approval.verb == "connection.revoke" and own:
        return reverse("connections:detail", args=[approval.target_name])
    return ""


def _why(approval: Approval, signed: bool) -> str:
    outcome = Outcome(approval.outcome)
    rule, by_policy = _BY_POLICY.get(outcome, ("", ""))
    if rule and approval.rule.get(rule) != "release":
        return by_policy
    if outcome not in {Outcome.DENIED, Outcome.EXPIRED, Outcome.CANCELLED}:
        return ""
    if signed:
        return _SIGNED
    if outcome == Outcome.DENIED and not approval.inferred:
        return "Who denied it may not answer it any more."
    return ""


def _what_ends_it(approval: Approval, signed: bool) -> str:
    if approval.target_kind == "connection":
        return "It ends when someone resumes the connection."
    until = signed_denial_until(approval)
    denied = approval.outcome == Outcome.DENIED and not approval.inferred
    if signed and denied and approval.rule.get("on_denial") == "release" and clock.now() <= until:
        return (
            f"Who denied it can sign that on its page until {until:%H:%M} UTC; otherwise a release "
            "that is approved ends it."
        )
    return "A release that is approved ends it."
