"""Sentences of connection events: who did what to whose connection.

Each action has a sentence with the names of `_words` in braces, or a function that chooses one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audit.recording import action_registry
from audit.recording.sentences import PublicEvent, Sentence, person, phrase, shown, texts
from connections.scopes import catalogue

_STEPS = {
    ("auth0.delete_connected_account", "success"): "{Whose} was deleted at Auth0",
    ("auth0.delete_connected_account", "failure"): "{Whose} could not be deleted at Auth0",
    ("auth0.revoke_access", "success"): "Auth0 ended all sessions and refresh tokens of {owner}",
    ("auth0.revoke_access", "failure"): "Auth0 could not end the sessions of {owner}",
}
_DRIFT = {
    "appeared": "Auth0-ATA discovered {whose} at Auth0",
    "vanished": "Auth0-ATA found that {whose} was gone at Auth0",
    "expired": "Auth0-ATA found that the provider's grant of {whose} had expired",
    "scopes_changed": "Auth0-ATA found other scopes on {whose}",
    "expiry_changed": "Auth0-ATA found another end of the grant of {whose}",
    "came_back": "Auth0-ATA found {whose} still at Auth0 after its revocation",
}
_DRIFT_OF_ACCESS = {
    "appeared": "Auth0-ATA found {access} at Auth0",
    "vanished": "Auth0-ATA found that {access} was gone at Auth0",
    "scopes_changed": "Auth0-ATA found other scopes on {access}",
    "apis_changed": "Auth0-ATA found that {access} opened other APIs",
    "came_back": "Auth0-ATA found {access} at Auth0 again",
}
_FROZEN = ("agent", "connection", "person")
_EXPORTED = phrase("exported the inventory of connections")
_GAPS = {
    "checkpoint_lost": "Auth0 no longer knows where reading had stopped",
    "away": "no one read them for more than a day",
    "silent": "the log stream stopped bringing what the reader finds",
}
_REFUSED = {
    "frozen": "it was frozen",
    "component_not_allowed": "no one allowed it",
    "undeclared_caller": "it was not declared",
    "scope_not_declared": "it asked for undeclared scopes",
    "scope_escalation_pending": "undeclared scopes, approval requested",
    "scope_excess": "Auth0 returned undeclared scopes",
    "connection_suspended": "the connection was suspended",
    "wake_pending": "it was paused while unused, and its owner was asked to resume it",
    "interaction_required": "a person had to approve it, and it was asked that no one be asked",
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


def _words(event: PublicEvent) -> Mapping[str, str]:
    """What sentences name; empty what the event does not say."""
    said, data = texts(event), _data(event)
    title = catalogue.title(said["connection"]) if said["connection"] else ""
    account, skill = said["account"], said["skill"]
    owned = f"{title} {'account' if account else 'connection'} {account}".strip()
    kind = "consent" if said["kind"] == "grant" else "refresh token"
    owner = _owner(event)
    words = said | {
        "whose": _of(owner, said["who"], owned),
        "access": _of(owner, said["who"], f"{kind} of {said['application'] or 'an application'}"),
        "owner": owner or "the owner",
        "title": title,
        "asked": title or "a connection",
        "service": title or "provider",
        "user": skill.partition(":")[2] or skill or said["agent"] or "An unnamed agent",
        "client": said["client_id"] or "an unnamed application",
        "component": said["component"].partition(":")[2] or "a component",
        "connections": f"{said['number']} connection{'s' * (data.get('number') != 1)}",
        "setting": said["words"].rstrip("."),
        "frozen": _frozen(event, said),
        "review": f"the access review “{said['title']}”",
        "leaver": _named(data.get("person"), said["person"]),
        "reviewer": _named(data.get("reviewer"), said["reviewer"]),
        "excess": said["excess_scopes"] or "undeclared scopes",
        "allowed": said["allowed_scopes"] or "more",
    }
    upper = {key.capitalize(): _upper(words[key]) for key in ("whose", "access")}
    return words | upper


def _frozen(event: PublicEvent, said: Mapping[str, str]) -> str:
    """What is frozen; a person who froze themselves is not named a second time."""
    actor = event.get("actor") or {}
    if event.get("action") == "person.frozen" and actor.get("sub") == said["name"]:
        return "their own access"
    return said["what"] or said["target"]


def _named(value: Any, said: str) -> str:
    gone = "a person who was erased"
    return person(value, gone) if isinstance(value, Mapping) else said or gone


def _owner(event: PublicEvent) -> str:
    """Whose connection it is; empty where the event does not say."""
    owner = _data(event).get("owner") or event.get("on_behalf_of")
    return person(owner, "") if isinstance(owner, Mapping) else ""


def _of(owner: str, who: str, what: str) -> str:
    """Such as `Mia Member's GitHub account octo-dev`, as far as the event tells."""
    if not owner:
        return f"a {what}"
    return f"their own {what}" if owner == who else f"{owner}'s {what}"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _stays_suspended(event: PublicEvent) -> bool:
    return _data(event).get("state") == "suspended"


def _connected(event: PublicEvent) -> str:
    others = ", which others suspended before" if _stays_suspended(event) else ""
    return f"{{who}} connected {{whose}}{{outcome}}{others}"


def _resumed(event: PublicEvent) -> str:
    """The broker gives its tokens again, unless another suspension lies under what was lifted."""
    stays = _stays_suspended(event)
    words = "lifted one suspension of" if stays else "resumed"
    if _data(event).get("undoes"):
        words = "took back the revocation of"
    return f"{{who}} {words} {{whose}}{{outcome}}" + (", which stayed suspended" if stays else "")


def _revoked(event: PublicEvent) -> str:
    """The decision, or the result of one of its remote steps."""
    step = shown(_data(event).get("step")), str(event.get("outcome"))
    return _STEPS.get(step, "{who} revoked {whose}{outcome}")


def _drifted(sentences: Mapping[str, str], otherwise: str) -> Sentence:
    return lambda event: sentences.get(shown(_data(event).get("drift")), otherwise)


def _use_seen(event: PublicEvent) -> str:
    gave = "gave" if event.get("outcome") == "success" else "refused"
    return f"Auth0 {gave} application {{client}} a {{service}} token for {{for}}, past this portal"


def _access_revoked(event: PublicEvent) -> str:
    """The decision, or the result of its remote step."""
    if not shown(_data(event).get("step")):
        return "{who} revoked {access}{outcome}"
    if event.get("outcome") == "success":
        return "{Access} was deleted at Auth0"
    return "{Access} could not be deleted at Auth0"


def _gap_found(event: PublicEvent) -> str:
    why = _GAPS.get(shown(_data(event).get("why")), "they were not read in time")
    return f"Entries of Auth0's tenant log may be missing: {why}"


def _exchanged(event: PublicEvent) -> str:
    """`github-mcp exchanged a GitHub token for Mia Member (repo, read:user)`."""
    scopes = " ({scopes})" if _data(event).get("scopes") else ""
    return "{user} exchanged a {service} token for {for}" + scopes


def _refused(event: PublicEvent) -> str:
    """`github-mcp was refused a GitHub token for Mia Member: the connection was suspended`."""
    code = shown(_data(event).get("code"))
    why = _REFUSED.get(code, "")
    if not why and code.endswith(("_blocked", "_held")):
        why = "it was blocked" if code.endswith("_blocked") else "it was on hold"
    return "{user} was refused a {service} token for {for}" + (f": {why}" if why else "")


def _escalated(event: PublicEvent) -> str:
    """`github-mcp asked GitHub for more than its manifest declares: delete_repo (denied)`."""
    if _data(event).get("returned_by"):
        return "Auth0 gave {user} a {asked} token with undeclared scopes: {excess}{outcome}"
    tail = " (a person was asked)" if event.get("outcome") == "pending" else "{outcome}"
    return "{user} asked {asked} for more than its manifest declares: {excess}" + tail


def _exported(event: PublicEvent) -> str:
    """`Ada Auditor exported the inventory of connections`, or what else was taken away."""
    if _data(event).get("what") != "review_result":
        return _EXPORTED(event)
    return "{who} exported the signed result of {review}{outcome}".format_map(_words(event))


_SENTENCES: Mapping[str, str | Sentence] = {
    "connection.connected": _connected,
    "connection.suspended": "{who} suspended {whose}{outcome}",
    "connection.resumed": _resumed,
    "connection.revoked": _revoked,
    "connection.reconciled": _drifted(_DRIFT, "Auth0-ATA compared {whose} with Auth0"),
    "connection.use_seen": _use_seen,
    "tenant_log.gap_found": _gap_found,
    "access.revoked": _access_revoked,
    "access.reconciled": _drifted(_DRIFT_OF_ACCESS, "Auth0-ATA compared {access} with Auth0"),
    "selection.revoked": "{who} revoked {connections}{outcome}",
    "selection.suspended": "{who} suspended {connections}{outcome}",
    "selection.held": "{who} suspended {connections} until their revocation was decided{outcome}",
    "selection.released": "{who} resumed {connections}{outcome}",
    "connection.fell_asleep": "{Whose} was paused while unused: {why}",
    "connection.awake": "{Whose} resumed: {why}",
    "connection.woken": "{who} resumed {whose} for agents{outcome}",
    "connection.restricted": "{who} restricted {title}: {setting}{outcome}",
    "connection.relaxed": "{who} relaxed {title}: {setting}{outcome}",
    **{f"{one}.frozen": "{who} froze {frozen}{outcome}" for one in _FROZEN},
    **{f"{one}.unfrozen": "{who} unfroze {frozen}{outcome}" for one in _FROZEN},
    "person.offboarding_started": "{who} started offboarding {frozen}{outcome}",
    "token.exchanged": _exchanged,
    "token.refused": _refused,
    "scope.escalated": _escalated,
    "scope.granted": "{who} gave {component} {allowed} on {whose}{outcome}",
    "scope.withdrawn": "{who} withdrew {allowed} of {component} on {whose}{outcome}",
    "review.opened": "{who} opened {review} of {accounts} accounts{outcome}",
    "review.decided": "{who} decided to {choice} {whose} in {review}{outcome}",
    "review.reassigned": "{who} reassigned {review} from {leaver} to {reviewer}: {accounts} "
    "to decide{outcome}",
    "review.closed": "{who} closed {review}: {kept} kept, {reduced} reduced, {revoked} revoked, "
    "{undecided} undecided{outcome}",
}


def _sentence(chosen: str | Sentence) -> Sentence:
    def sentence(event: PublicEvent) -> str:
        template = chosen if isinstance(chosen, str) else chosen(event)
        return template.format_map(_words(event))

    return sentence


for _name, _chosen in _SENTENCES.items():
    action_registry.reword(_name, _sentence(_chosen))
action_registry.reword("connection.exported", _exported)
