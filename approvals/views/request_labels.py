"""Approvals in words: where one is, what each answer does, what came of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings

from approvals import actor_json, clock, policy, registry
from approvals.models import (
    Answer,
    Approval,
    Ask,
    AskState,
    Channel,
    Effect,
    Outcome,
    Person,
    Status,
)
from approvals.pipeline import overtaken_requests, recheck
from approvals.proven_approvals import Signature, all_signed, approved_asks, is_signed
from approvals.registry import Verb
from approvals.step_up import owner_must_approve_first, rate_limit
from audit.ledger.format import safe_display
from audit.recording.actors import Actor
from ui.times import duration

CHANNELS = {
    "web": "on the web",
    "cli": "with ata",
    "api": "over the API",
    "task": "automatically",
    "broker": "at the broker",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """A badge: `tone` and `icon` of the style guide, and the words."""

    tone: str
    icon: str
    text: str


def verb_of(approval: Approval) -> Verb | None:
    """The registered verb; None when its app is gone."""
    try:
        return registry.get(approval.verb)
    except registry.UnknownVerb:
        return None


def person_name(person: Person, viewer: Actor | None = None) -> str:
    """Name of a person; `you` for the one who looks."""
    if viewer is not None and (person.iss, person.sub) == (viewer.iss, viewer.sub):
        return "you"
    return str(person)


def whose(name: str) -> str:
    """`your` or `Olu Operator’s`."""
    return "your" if name == "you" else f"{name}’s"


def requester_name(approval: Approval, viewer: Actor | None = None) -> str:
    """Who asked; a finding when nobody did."""
    if not approval.requester_sub:
        return f"a {approval.severity} finding (automatic)"
    asked = actor_json.from_json(approval.requester)
    if viewer is not None and (asked.iss, asked.sub) == (viewer.iss, viewer.sub):
        return "an agent of yours" if asked.via == "broker" else "you"
    name = _as_name(actor_json.person_name(asked))
    return f"an agent of {name}" if asked.via == "broker" else name


def _as_name(name: str) -> str:
    """A name that stands alone: in quotes only where it could pass for `you` or `a … finding`."""
    first = name.casefold().partition(" ")[0]
    quoted = first in {"a", "an", "you"} or not first
    return safe_display.person_in_sentence(name) if quoted else safe_display.short(name)


def channel_of(approval: Approval) -> str:
    """The way in by which it was requested."""
    via = actor_json.from_json(approval.requester).via if approval.requester_sub else ""
    return CHANNELS.get(via, "")


def answerer_name(approval: Approval, viewer: Actor | None = None) -> str:
    """Who answered, or is inferred to have; all of them where several approved."""
    if approval.answer == Answer.APPROVED and (asks := approved_asks(approval)):
        return _names(asks, viewer)
    who = actor_json.from_json(approval.answered_by)
    if viewer is not None and (who.iss, who.sub) == (viewer.iss, viewer.sub):
        return "you"
    return actor_json.person_name(who)


def _names(asks: Iterable[Ask], viewer: Actor | None) -> str:
    return " and ".join(person_name(ask.person, viewer) for ask in asks)


def answered_asks(approval: Approval, asks: Iterable[Ask]) -> list[Ask]:
    """The asks whose answers closed an approval; empty while it is open or had no answer."""
    state = _ANSWERED.get(approval.answer)
    if not state or approval.status != Status.CLOSED:
        return []
    return _by_person(ask for ask in asks if ask.state == state)


def _by_person(asks: Iterable[Ask]) -> list[Ask]:
    in_order = sorted(asks, key=lambda ask: ask.number)
    return list({ask.person_id: ask for ask in in_order}.values())


_ANSWERED: dict[str, str] = {
    Answer.APPROVED: AskState.APPROVED,
    Answer.DENIED: AskState.DENIED,
}


def standing(
    approval: Approval, ask: Ask | None, viewer: Actor | None, signed: Collection[Signature]
) -> Standing:
    """Where it is, as a badge; `signed` are those whose signed approval is at hand."""
    if approval.status == Status.CLOSED:
        return _closed(approval, signed)
    if ask is None:
        return Standing("warn", "users", "waiting for someone to ask")
    needed = owner_must_approve_first.needed(approval)
    if needed > 1:
        said = sum(is_signed(one, signed) for one in approved_asks(approval))
        return Standing("info", "users", f"{said} of {needed} approved")
    if rate_limit.waits(ask):
        return _ITS_TURN
    if is_over(ask):
        return Standing("info", "clock", "the time is over; being closed")
    if ask.state == AskState.STARTING:
        return Standing("info", "send", "sending the request")
    name = whose(person_name(ask.person, viewer))
    return Standing("info", "circle-dashed", f"waiting for {name} {awaited(ask)}")


def is_over(ask: Ask) -> bool:
    """Whether the time to answer is over, while the request is yet to be closed."""
    return not rate_limit.waits(ask) and clock.now() >= ask.expires_at


def shown_ask(asks: Sequence[Ask], viewer: Actor) -> Ask | None:
    """The ask that a page is about, of asks in order: the viewer's own open one, else the newest
    that is open, else the newest."""
    live = [one for one in asks if one.state in {AskState.STARTING, AskState.WAITING}]
    own = [one for one in live if (one.person.iss, one.person.sub) == (viewer.iss, viewer.sub)]
    return next((some[-1] for some in (own, live, list(asks)) if some), None)


def awaited(ask: Ask) -> str:
    """What has yet to answer: `phone`, `passkey`, both or either."""
    said = {channel for channel in ("ciba", "passkey") if channel in ask.answers}
    if ask.channel == Channel.BOTH and said:
        return "phone" if "passkey" in said else "passkey"
    return _AWAITED[ask.channel]


_AWAITED: dict[str, str] = {
    Channel.CIBA: "phone",
    Channel.PASSKEY: "passkey",
    Channel.BOTH: "phone and passkey",
    Channel.EITHER: "phone or passkey",
}


def how_to_answer(ask: Ask) -> str:
    """What the asked person does, in one sentence."""
    if rate_limit.waits(ask):
        return f"{ask.detail[:1].upper()}{ask.detail[1:]}."
    waits = awaited(ask)
    if waits == "passkey":
        return "Answer with your passkey, on its page."
    if waits == "phone":
        return "If your phone shows this code, answer there."
    joint = "and" if waits.endswith("and passkey") else "or"
    return f"If your phone shows this code, answer there, {joint} with your passkey."


def _closed(approval: Approval, signed: Collection[Signature]) -> Standing:
    match approval.outcome:
        case Outcome.APPROVED if not all_signed(approval, signed):
            return _NO_PROOF
        case Outcome.APPROVED:
            return Standing("ok", "check", "approved")
        case Outcome.DENIED if approval.inferred:
            return Standing("warn", "help", "denied, awaiting confirmation")
        case Outcome.DENIED:
            return Standing("bad", "x", "denied")
        case Outcome.EXPIRED:
            return Standing("warn", "clock", "no one answered")
        case Outcome.CANCELLED:
            return Standing("off", "circle-slash", "cancelled")
        case _:
            return Standing("bad", "octagon-alert", "failed")


def outcome_words(
    approval: Approval,
    viewer: Actor | None = None,
    signed: Collection[Signature] = (),
    effects: Sequence[Effect] = (),
) -> str:
    """What came of a closed approval, in one or two sentences; `signed` as `standing` takes it,
    `effects` are its remote steps."""
    name = answerer_name(approval, viewer) or "Somebody"
    who = at_the_beginning(name)
    match approval.outcome:
        case Outcome.APPROVED if not all_signed(approval, signed):
            return _without_proof(approval, name, viewer, signed)
        case Outcome.APPROVED:
            remote = "; the steps say what came of it elsewhere" if effects else ""
            return f"{who} approved exactly this request. It was applied in this portal{remote}."
        case Outcome.DENIED if approval.inferred:
            return (
                f"Auth0 answers a denial and an expiry alike. {_there_was_time(approval)}, so we "
                f"take it that {name} denied. Nothing is committed. "
                f"{_hold(approval, inferred=True)}"
            )
        case Outcome.DENIED:
            kept = " This denial did not end it." if approval.held else ""
            return f"{who} denied it. Nothing was committed. {_hold(approval)}{kept}"
        case Outcome.EXPIRED:
            return f"No one answered in time. Nothing was committed. {_hold(approval)}"
        case Outcome.CANCELLED:
            return (
                "The request was withdrawn before anyone answered. Nothing was committed. "
                f"{_hold(approval)}"
            )
        case _:
            return f"{_why_failed(approval.outcome_detail)} {_hold(approval)}"


def _why_failed(detail: str) -> str:
    """Why a request failed, and that it committed nothing: once, where the reason says so too."""
    said = "Nothing was committed"
    return detail if said in detail else f"{detail} {said}."


def at_the_beginning(name: str) -> str:
    """A name where a sentence begins: `You` for `you`."""
    return (
        "You" + name.removeprefix("you") if name == "you" or name.startswith("you and ") else name
    )


def recorded_as_approved(name: str) -> str:
    """What a page says in place of `X approved` where no signature of theirs verifies."""
    return f"Recorded as approved by {name}; no proof found"


def _without_proof(
    approval: Approval, name: str, viewer: Actor | None, signed: Collection[Signature]
) -> str:
    asks = approved_asks(approval)
    lacking = [ask for ask in asks if not is_signed(ask, signed)]
    of = f" that {_names(lacking, viewer)} approved" if len(lacking) < len(asks) else ""
    return f"{recorded_as_approved(name)}{of}. It is recorded as applied."


def _there_was_time(approval: Approval) -> str:
    left = (approval.expires_at - (approval.closed or approval.expires_at)).total_seconds()
    return f"This answer came {duration(max(left, 1))} before the time ran out"


def _hold(approval: Approval, *, inferred: bool = False) -> str:
    if approval.held:
        rule = approval.rule
        can_end = rule.get("on_denial") == "release" and not rule.get("signed_denial")
        if inferred and can_end:
            return "The hold stays; it can end once that is confirmed."
        return "The hold stays."
    return "The portal ended the hold." if approval.rule.get("while_pending") == "hold" else ""


def phones_may_show(approval: Approval, asks: Sequence[Ask]) -> str:
    """Whose phones may go on offering a request that is over, and that this does nothing; empty
    where none can, or the issuer took the pushes back."""
    if approval.status != Status.CLOSED or not approval.outcome:
        return ""
    names = dict.fromkeys(str(ask.person) for ask in asks if _may_show(ask))
    if not names:
        return ""
    phones = " and ".join(f"{name}’s phone" for name in names)
    return f"{phones} may still show this request. Approving it there does nothing."


def _may_show(ask: Ask) -> bool:
    """Whether a push is out that nobody answered; it is listened to as long as it may be."""
    sent = ask.channel != Channel.PASSKEY and ask.started is not None
    return sent and ask.due is not None and "ciba" not in ask.answers and not is_over(ask)


def no_longer_possible(approval: Approval) -> str:
    """Why an approval of a waiting request would do nothing now; empty while it would."""
    if approval.status == Status.CLOSED:
        return ""
    changed = overtaken_requests.changed(approval)
    return _CHANGED.get(changed, "")


_CHANGED = {
    recheck.STATE_CHANGED: "What this request is about has changed or is gone since it was made.",
    "policy_changed": "The approval policy has changed since this request was made.",
}


def policy_sentence(approval: Approval, ask: Ask | None) -> str:
    """The rule that applied, with the time that it gives."""
    given = int(approval.rule.get("within_s") or total_s(approval, ask))
    within, automatic = policy.duration(given), not approval.requester_sub
    return policy.in_words(approval.rule, verb_of(approval), within, automatic=automatic)


def changed_usual_time(approval: Approval) -> str:
    """That the setting that gave the time to answer is another one now; empty where a rule gave it,
    or the policy itself is another one."""
    given, usual = int(approval.rule.get("within_s") or 0), settings.STEP_UP_EXPIRY_S
    found = policy.in_force() if given and given != usual else None
    if found is None or found.digest != approval.policy_digest:
        return ""
    if any(one.within_s for one in found.document.rules if one.id == approval.rule.get("rule")):
        return ""
    return (
        "The rule gives no time, so the setting STEP_UP_EXPIRY_S counted: "
        f"{policy.duration(given)} at the time of this request, {policy.duration(usual)} now. "
        "The setting is not part of the policy."
    )


def total_s(approval: Approval, ask: Ask | None) -> int:
    """Seconds that the current ask gives, at least one."""
    begun = (ask.started if ask else None) or approval.created
    until = ask.expires_at if ask else approval.expires_at
    return max(1, round((until - begun).total_seconds()))


_NO_PROOF = Standing("warn", "help", "recorded as approved; no proof found")
_ITS_TURN = Standing("info", "clock", "waiting for its turn")
_ASKS: dict[str, Standing] = {
    AskState.STARTING: Standing("info", "send", "being sent"),
    AskState.WAITING: Standing("info", "circle-dashed", "waiting"),
    AskState.APPROVED: Standing("ok", "check", "approved"),
    AskState.DENIED: Standing("bad", "x", "denied"),
    AskState.EXPIRED: Standing("warn", "clock", "no answer"),
    AskState.FAILED: Standing("bad", "octagon-alert", "could not be asked"),
    AskState.SUPERSEDED: Standing("off", "refresh", "replaced by a newer code"),
    AskState.CANCELLED: Standing("off", "circle-slash", "withdrawn"),
}


def ask_standing(ask: Ask, approval: Approval, signed: Collection[Signature]) -> Standing:
    """Where one ask is. An open ask of a closed approval is only listened to."""
    if ask.state == AskState.APPROVED and not is_signed(ask, signed):
        return _NO_PROOF
    if ask.state == AskState.DENIED and approval.inferred:
        return Standing("warn", "help", "denied, inferred")
    if approval.status == Status.CLOSED and ask.state in {AskState.STARTING, AskState.WAITING}:
        return Standing("off", "circle-slash", "no longer needed")
    return _ITS_TURN if rate_limit.waits(ask) else _ASKS[ask.state]
