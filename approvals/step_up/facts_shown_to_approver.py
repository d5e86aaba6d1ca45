"""The facts an approver decides on: the same rows, words and order on the phone and in the portal.

Every row is a pure function of what the request has stored, since a signed answer repeats it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from approvals import actor_json, policy, registry
from approvals.models import Approval, Person
from approvals.registry import Verb
from approvals.step_up import owner_must_approve_first
from audit.ledger.format import safe_display
from audit.recording.actors import Actor

MAX_TEXT: Final = 255
"""Characters of one row (Auth0's limit of a value in `authorization_details`)."""
MAX_AGENT_TEXT: Final = 120
"""Characters of an agent's own reason."""
IN_PORTAL: Final = " … (cut: read the rest in the portal)"


@dataclass(frozen=True, slots=True)
class Fact:
    """One row: the name of its property, its label, and its text of at most `MAX_TEXT`.

    `whole` is the text where it is longer: the phone says that the portal has it.
    """

    name: str
    label: str
    text: str
    whole: str = ""


def facts(
    approval: Approval, person: Person | None, *, reader: Person | Actor | None = None
) -> list[Fact]:
    """The rows below the sentence of a request, as `person` is asked about it.

    Args:
        reader: who reads it, where that is not `person`: an owner alone is spoken to as `you`.
    """
    verb = _verb(approval)
    rows = [
        _fact("risk", "Risk", _risk(approval)),
        _fact("account", "Account", approval.account),
        _reason(approval),
        _fact("requester", "Requested by", _requester(approval)),
        _fact("if_approved", "If approved", _if_approved(approval, verb)),
        _fact("if_denied", "If denied", _if_denied(approval, verb)),
        _fact("request", "Request", _request(approval, person)),
    ]
    rows = [row for row in rows if row.text]
    read_by = reader or person
    if read_by is None or not owner_must_approve_first.is_first(approval, read_by):
        return rows
    return [_to_owner(row) if row.name in _OURS else row for row in rows]


_OURS: Final = frozenset({"if_approved", "if_denied", "request"})
"""Rows of our words alone."""
_YOU: Final = (
    ("First the owner has to", "First you have to"),
    ("The owner may have to", "You may have to"),
    ("If the owner or the next approver does not", "If you or the next approver do not"),
    ("other than the owner", "other than you"),
)


def _to_owner(row: Fact) -> Fact:
    """The row as the owner of the account reads it on their own device: never longer."""
    text, whole = row.text, row.whole
    for said, you in _YOU:
        text, whole = text.replace(said, you), whole.replace(said, you)
    return replace(row, text=text, whole=whole)


def _verb(approval: Approval) -> Verb | None:
    """None where the app of the verb is gone: old requests can still be read."""
    try:
        return registry.get(approval.verb)
    except registry.UnknownVerb:
        return None


def _fact(name: str, label: str, said: str) -> Fact:
    line = " ".join(safe_display.visible(" ".join(said.split())).split())
    if len(line) <= MAX_TEXT:
        return Fact(name, label, line)
    return Fact(name, label, line[: MAX_TEXT - len(IN_PORTAL)] + IN_PORTAL, whole=line)


def _risk(approval: Approval) -> str:
    severity = approval.severity.capitalize()
    return f"{severity}: {approval.risk}" if approval.risk else severity


def _reason(approval: Approval) -> Fact:
    """Quoted, so that no reason passes for a row of ours. An agent's is marked as its own words,
    and is short, without links, with hidden characters written out and a warning where letters
    look like others (DESIGN 1.3.3)."""
    words = approval.reason.split()
    requester = actor_json.from_json(approval.requester)
    if not words:
        by_broker = requester.via == "broker"
        none = "Agents cannot give a reason here" if by_broker else "No reason was given"
        return Fact("reason", "Reason", none)
    if not is_by_agent(requester):
        return _quoted(safe_display.visible(" ".join(words)), MAX_TEXT - len("“”"))
    line = safe_display.visible(" ".join("(link removed)" if _is_link(w) else w for w in words))
    beware = f" ⚠ {_ALIKE}" if safe_display.warning(line) else ""
    return _quoted(line, MAX_AGENT_TEXT, f"{beware} (the agent’s own words, not verified)")


_ALIKE: Final = "some letters look like others"


def _quoted(line: str, longest: int, after: str = "") -> Fact:
    line = line.translate(safe_display.STRAIGHT_QUOTES)  # a reason must not close its own quote
    whole = f"“{line}”{after}"
    if len(line) <= longest:
        return Fact("reason", "Reason", whole)
    text = f"“{line[: longest - len(IN_PORTAL)]}”{IN_PORTAL}{after}"
    return Fact("reason", "Reason", text, whole)


def _is_link(word: str) -> bool:
    bare = word.strip("(<[\"'").lower()
    return "://" in bare or bare.startswith(("www.", "mailto:"))


def is_by_agent(requester: Actor) -> bool:
    """Whether an agent asks, in the name of a person."""
    return requester.via == "broker" or bool(requester.agent)


def requested_by(requester: Actor, params: Mapping[str, Any]) -> str:
    """Who asks, for the row of a request: an agent with its person, each name in quotes where it
    could read as our words, in at most `MAX_TEXT` characters. Empty where a finding asked."""
    if not requester.sub:
        return ""
    name = actor_json.requester_in_sentence(requester, _LONGEST_NAME)
    agent = _agent_of(requester, params)
    if not agent:
        return name
    beware = safe_display.warning(agent)
    if len(beware) > _LONGEST_WARNING:
        beware = _ALIKE
    said = f" ⚠ {beware}" if beware else ""
    return f"{safe_display.in_sentence(agent, _LONGEST_NAME)}{said} (name not proven), {name}"


_LONGEST_NAME: Final = 58
_LONGEST_WARNING: Final = 96


def _agent_of(requester: Actor, params: Mapping[str, Any]) -> str:
    agent = requester.agent or str(params.get("agent") or "")
    return agent if is_by_agent(requester) else ""


def _requester(approval: Approval) -> str:
    requester = actor_json.from_json(approval.requester)
    if not requester.sub:
        return "automatic, for a finding"
    name = approval.requested_by or _as_before(requester, approval.params)
    if approval.single_person:
        return f"{name}, who may approve it alone: no one else has the role"
    return name


def _as_before(requester: Actor, params: Mapping[str, Any]) -> str:
    """Who asks, of requests from before `requested_by` was kept: answers repeat these words."""
    name = actor_json.requester_name(requester)
    if not (agent := _agent_of(requester, params)):
        return name
    beware = safe_display.warning(agent)
    said = f" ⚠ {safe_display.short(beware)}" if beware else ""
    return f"{safe_display.short(agent, 60)}{said} (name not proven), {name}"


def _if_approved(approval: Approval, verb: Verb | None) -> str:
    words = approval.if_approved or (verb.if_approved if verb else "") or "It takes effect at once."
    needed = owner_must_approve_first.needed(approval)
    return words if needed == 1 else f"After {_ALL.get(needed, f'all {needed}')} approvals: {words}"


_ALL: Final = {2: "both"}


def _if_denied(approval: Approval, verb: Verb | None) -> str:
    """What a denial does, and what no answer does."""
    denied = policy.if_denied(approval.rule, verb)
    if not approval.requester_sub:
        denied += " It is recorded as an override in the name of who denies."
    return f"{denied} {policy.if_nobody_answers(approval.rule)}"


def _request(approval: Approval, person: Person | None) -> str:
    """Which request: the ends of the intent hash; which of how many approvals this one is, and
    whose is next."""
    short = f"{approval.intent_hash[:8]}…{approval.intent_hash[-8:]}"
    needed = owner_must_approve_first.needed(approval)
    if owner_must_approve_first.identity(approval) is None and needed > 1:
        return f"{short}, one of {needed} approvals"
    if needed == 1:
        return f"{short}, 1 of 1"
    if person is None or owner_must_approve_first.is_first(approval, person):
        return f"{short}, 1 of {needed}; then {policy.who_is_next(approval.rule)}"
    return f"{short}, 2 of {needed}; the owner has approved"
