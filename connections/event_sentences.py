"""Sentences of connection events: who did what to whose connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audit.recording import action_registry
from audit.recording.sentences import PublicEvent, person, phrase, shown, target
from connections.scopes import catalogue

_TAILS = {
    "failure": " (failed)",
    "denied": " (denied)",
    "expired": " (expired)",
    "cancelled": " (cancelled)",
    "pending": " (not finished when recorded)",
    "unknown": " (outcome unknown)",
}
_STEPS = {
    ("auth0.delete_connected_account", "success"): "{whose} was deleted at Auth0",
    ("auth0.delete_connected_account", "failure"): "{whose} could not be deleted at Auth0",
    ("auth0.revoke_access", "success"): "Auth0 ended all sessions and refresh tokens of {owner}",
    ("auth0.revoke_access", "failure"): "Auth0 could not end the sessions of {owner}",
}
_DRIFT = {
    "appeared": "Auth0-ATA found {whose} at Auth0",
    "vanished": "Auth0-ATA found that {whose} was gone at Auth0",
    "expired": "Auth0-ATA found that the provider's grant of {whose} had expired",
    "scopes_changed": "Auth0-ATA found other scopes on {whose}",
    "expiry_changed": "Auth0-ATA found another end of the grant of {whose}",
    "came_back": "Auth0-ATA found {whose} still at Auth0 after its revocation",
}
_EXPORTED = phrase("exported the inventory of connections")
_GAPS = {
    "checkpoint_lost": "Auth0 no longer knows where reading had stopped",
    "away": "nobody read them for more than a day",
    "silent": "the log stream stopped bringing what the reader finds",
}
_REFUSED = {
    "frozen": "it was frozen",
    "component_not_allowed": "nobody allowed it",
    "undeclared_caller": "it was not declared",
    "scope_not_declared": "it asked for undeclared scopes",
    "scope_escalation_pending": "it asked for undeclared scopes, and a person was asked",
    "scope_excess": "Auth0 returned undeclared scopes",
    "connection_suspended": "the connection was suspended",
    "wake_pending": "it was asleep, and its owner was asked to wake it",
    "interaction_required": "a person had to approve it, and it was asked that nobody be asked",
    "connection_revoked": "the connection was revoked",
    "account_ambiguous": "several were connected and none was named",
    "connection_not_linked": "nothing was connected",
    "reconnect_required": "it had to be connected again",
    "client_not_allowed": "the application was not allowed to ask",
    "subject_token_expired": "the session was over",
    "asked_too_often": "it asked for undeclared scopes too often",
    "rate_limited": "Auth0's rate limit was reached",
    "vault_unavailable": "Auth0 did not answer",
}


def _data(event: PublicEvent) -> Mapping[str, Any]:
    found = event.get("data")
    return found if isinstance(found, Mapping) else {}


def _title(event: PublicEvent) -> str:
    name = shown(event.get("connection")) or shown(_data(event).get("connection"))
    return catalogue.title(name) if name else ""


def _owner(event: PublicEvent) -> str:
    """Whose connection it is; empty where the event does not say."""
    owner = _data(event).get("owner") or event.get("on_behalf_of")
    return person(owner, "") if isinstance(owner, Mapping) else ""


def _whose(event: PublicEvent) -> str:
    """Such as `Mia Member's GitHub account octo-dev`, as far as the event tells."""
    title, owner = _title(event), _owner(event)
    account = shown(_data(event).get("account"))
    what = " ".join(
        part for part in (title, "account" if account else "connection", account) if part
    )
    if not owner:
        return f"a {what}"
    return f"{owner}'s {what}" if owner != person(event.get("actor"), "") else f"their own {what}"


def _user(event: PublicEvent) -> str:
    """The component or agent that asked."""
    skill = shown(event.get("skill"))
    return skill.partition(":")[2] or skill or shown(event.get("agent")) or "An unnamed agent"


def _act(words: str, event: PublicEvent) -> str:
    tail = _TAILS.get(str(event.get("outcome")), "")
    return f"{person(event.get('actor'))} {words} {_whose(event)}{tail}"


def connected(event: PublicEvent) -> str:
    """A member connected an account, or tried to."""
    return _act("connected", event) + (
        ", which others suspended before" if _stays_suspended(event) else ""
    )


def _stays_suspended(event: PublicEvent) -> bool:
    return _data(event).get("state") == "suspended"


def suspended(event: PublicEvent) -> str:
    """The broker refuses it from now on."""
    return _act("suspended", event)


def resumed(event: PublicEvent) -> str:
    """The broker gives its tokens again, unless another suspension lies under what was lifted."""
    undone = bool(_data(event).get("undoes"))
    if _stays_suspended(event):
        words = "took back the revocation of" if undone else "lifted one suspension of"
        return _act(words, event) + ", which stayed suspended"
    return _act("took back the revocation of" if undone else "resumed", event)


def revoked(event: PublicEvent) -> str:
    """The decision, or the result of one of its remote steps."""
    words = _STEPS.get((shown(_data(event).get("step")), str(event.get("outcome"))))
    if words is None:
        return _act("revoked", event)
    sentence = words.format(whose=_whose(event), owner=_owner(event) or "the owner")
    return sentence[0].upper() + sentence[1:]


def fell_asleep(event: PublicEvent) -> str:
    """`Mia Member's GitHub account octo fell asleep: not used for 7 days`."""
    return f"{_upper(_whose(event))} fell asleep: {shown(_data(event).get('why'))}"


def awake(event: PublicEvent) -> str:
    """`Mia Member's GitHub account octo woke: its setting changed, …`."""
    return f"{_upper(_whose(event))} woke: {shown(_data(event).get('why'))}"


def woken(event: PublicEvent) -> str:
    """`Mia Member woke their own GitHub account octo`."""
    return _act("woke", event)


def configured(event: PublicEvent) -> str:
    """`Amir Admin restricted GitHub: GitHub sleeps after 7 idle days and wakes at the next use`."""
    words = "restricted" if str(event.get("action")) == "connection.restricted" else "relaxed"
    said = shown(_data(event).get("words")).rstrip(".")
    return f"{person(event.get('actor'))} {words} {_title(event)}: {said}{_tail(event)}"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def selected(event: PublicEvent) -> str:
    """`Amir Admin revoked 12 connections`."""
    words = _SELECTED[str(event.get("action")).partition(".")[2]]
    number = _data(event).get("number")
    many = "1 connection" if number == 1 else f"{shown(number)} connections"
    return f"{person(event.get('actor'))} {words.format(many)}{_tail(event)}"


_SELECTED = {
    "revoked": "revoked {}",
    "suspended": "suspended {}",
    "held": "suspended {} until their revocation was decided",
    "released": "resumed {}",
}


def reconciled(event: PublicEvent) -> str:
    """A difference between the inventory and Auth0."""
    words = _DRIFT.get(shown(_data(event).get("drift")), "Auth0-ATA compared {whose} with Auth0")
    return words.format(whose=_whose(event))


def use_seen(event: PublicEvent) -> str:
    """`Auth0 gave application concierge a GitHub token for Mia Member, past this portal`."""
    client = shown(_data(event).get("client_id")) or "an unnamed application"
    gave = "gave" if event.get("outcome") == "success" else "refused"
    title = _title(event) or "provider"
    return f"Auth0 {gave} application {client} a {title} token for {_for(event)}, past this portal"


def _access(event: PublicEvent) -> str:
    """Such as `Mia Member's refresh token of Auth0-ATA command line`."""
    data = _data(event)
    kind = "consent" if shown(data.get("kind")) == "grant" else "refresh token"
    name = shown(data.get("application")) or "an application"
    owner = _owner(event)
    if not owner:
        return f"a {kind} of {name}"
    mine = owner == person(event.get("actor"), "")
    return f"their own {kind} of {name}" if mine else f"{owner}'s {kind} of {name}"


def access_revoked(event: PublicEvent) -> str:
    """The decision, or the result of its remote step."""
    if shown(_data(event).get("step")):
        done = event.get("outcome") == "success"
        sentence = _access(event)
        words = "was deleted at Auth0" if done else "could not be deleted at Auth0"
        return f"{sentence[0].upper()}{sentence[1:]} {words}"
    return f"{person(event.get('actor'))} revoked {_access(event)}{_tail(event)}"


def access_reconciled(event: PublicEvent) -> str:
    """A difference between what we knew of applications and Auth0."""
    words = {
        "appeared": "Auth0-ATA found {whose} at Auth0",
        "vanished": "Auth0-ATA found that {whose} was gone at Auth0",
        "scopes_changed": "Auth0-ATA found other scopes on {whose}",
        "apis_changed": "Auth0-ATA found that {whose} opened other APIs",
        "came_back": "Auth0-ATA found {whose} at Auth0 again",
    }.get(shown(_data(event).get("drift")), "Auth0-ATA compared {whose} with Auth0")
    return words.format(whose=_access(event))


def gap_found(event: PublicEvent) -> str:
    """`Entries of Auth0's tenant log may be missing: …`."""
    why = _GAPS.get(shown(_data(event).get("why")), "they were not read in time")
    return f"Entries of Auth0's tenant log may be missing: {why}"


def frozen(event: PublicEvent) -> str:
    """`Amir Admin froze everything`."""
    return _frozen("froze", event)


def unfrozen(event: PublicEvent) -> str:
    """`Amir Admin unfroze GitHub`."""
    return _frozen("unfroze", event)


def _frozen(words: str, event: PublicEvent) -> str:
    tail = _TAILS.get(str(event.get("outcome")), "")
    what = shown(_data(event).get("what")) or target(event)
    return f"{person(event.get('actor'))} {words} {what}{tail}"


def exchanged(event: PublicEvent) -> str:
    """`github-mcp exchanged a GitHub token for Mia Member (repo, read:user)`."""
    granted = _data(event).get("scopes")
    names = ", ".join(shown(s) for s in granted) if isinstance(granted, list) else ""
    sentence = f"{_user(event)} exchanged a {_title(event) or 'provider'} token for {_for(event)}"
    return f"{sentence} ({names})" if names else sentence


def refused(event: PublicEvent) -> str:
    """`github-mcp was refused a GitHub token for Mia Member: the connection was suspended`."""
    code = shown(_data(event).get("code"))
    why = _REFUSED.get(code)
    if why is None and code.endswith(("_blocked", "_held")):
        why = "it was blocked" if code.endswith("_blocked") else "it was on hold"
    sentence = f"{_user(event)} was refused a {_title(event) or 'provider'} token for {_for(event)}"
    return f"{sentence}: {why}" if why else sentence


def escalated(event: PublicEvent) -> str:
    """`github-mcp asked GitHub for more than its manifest declares: delete_repo (denied)`."""
    excess = _data(event).get("excess_scopes")
    names = ", ".join(shown(s) for s in excess) if isinstance(excess, list) else "undeclared scopes"
    tail = _TAILS.get(str(event.get("outcome")), "")
    title = _title(event) or "a connection"
    if _data(event).get("returned_by"):
        return f"Auth0 gave {_user(event)} a {title} token with undeclared scopes: {names}{tail}"
    if event.get("outcome") == "pending":
        tail = " (a person was asked)"
    return f"{_user(event)} asked {title} for more than its manifest declares: {names}{tail}"


def granted(event: PublicEvent) -> str:
    """`Olu Operator let github-mcp use their own GitHub account octo also for delete_repo`."""
    return _allowed("let {component} use {whose} also for {names}", event)


def withdrawn(event: PublicEvent) -> str:
    """`Olu Operator took back what github-mcp was allowed on their own GitHub account: repo`."""
    return _allowed("took back what {component} was allowed on {whose}: {names}", event)


def _allowed(words: str, event: PublicEvent) -> str:
    names = _data(event).get("allowed_scopes")
    sentence = words.format(
        component=shown(_data(event).get("component")).partition(":")[2] or "a component",
        whose=_whose(event),
        names=", ".join(shown(s) for s in names) if isinstance(names, list) else "more",
    )
    return f"{person(event.get('actor'))} {sentence}{_tail(event)}"


def review_opened(event: PublicEvent) -> str:
    """`Amir Admin opened the access review “Spring” of 12 accounts`."""
    data = _data(event)
    sentence = f"{person(event.get('actor'))} opened the access review “{shown(data.get('title'))}”"
    return f"{sentence} of {shown(data.get('accounts'))} accounts{_tail(event)}"


def review_decided(event: PublicEvent) -> str:
    """`Mia Member decided to keep their own GitHub account octo in the access review “Spring”`."""
    data = _data(event)
    sentence = (
        f"{person(event.get('actor'))} decided to {shown(data.get('choice'))} {_whose(event)}"
    )
    return f"{sentence} in the access review “{shown(data.get('title'))}”{_tail(event)}"


def review_closed(event: PublicEvent) -> str:
    """`Amir Admin closed the access review “Spring”: 9 kept, 1 reduced, 1 revoked, 1 undecided`."""
    data = _data(event)
    parts = (
        f"{shown(data.get(name))} {name}" for name in ("kept", "reduced", "revoked", "undecided")
    )
    sentence = f"{person(event.get('actor'))} closed the access review “{shown(data.get('title'))}”"
    return f"{sentence}: {', '.join(parts)}{_tail(event)}"


def exported(event: PublicEvent) -> str:
    """`Ada Auditor exported the inventory of connections`, or what else was taken away."""
    data = _data(event)
    if data.get("what") != "review_result":
        return _EXPORTED(event)
    title = f"the access review “{shown(data.get('title'))}”"
    return f"{person(event.get('actor'))} took away the signed result of {title}{_tail(event)}"


def _tail(event: PublicEvent) -> str:
    return _TAILS.get(str(event.get("outcome")), "")


def _for(event: PublicEvent) -> str:
    return person(event.get("on_behalf_of") or event.get("actor"))


def register() -> None:
    """Register the sentences of these events."""
    for name, sentence in (
        ("connection.connected", connected),
        ("connection.suspended", suspended),
        ("connection.resumed", resumed),
        ("connection.revoked", revoked),
        ("connection.reconciled", reconciled),
        ("connection.use_seen", use_seen),
        ("tenant_log.gap_found", gap_found),
        ("access.revoked", access_revoked),
        ("access.reconciled", access_reconciled),
        *((f"selection.{past}", selected) for past in _SELECTED),
        ("connection.fell_asleep", fell_asleep),
        ("connection.awake", awake),
        ("connection.woken", woken),
        ("connection.restricted", configured),
        ("connection.relaxed", configured),
        *((f"{family}.frozen", frozen) for family in ("agent", "connection", "person")),
        *((f"{family}.unfrozen", unfrozen) for family in ("agent", "connection", "person")),
        ("token.exchanged", exchanged),
        ("token.refused", refused),
        ("scope.escalated", escalated),
        ("scope.granted", granted),
        ("scope.withdrawn", withdrawn),
        ("connection.exported", exported),
        ("review.opened", review_opened),
        ("review.decided", review_decided),
        ("review.closed", review_closed),
    ):
        action_registry.reword(name, sentence)
