"""What the checks of a pack say in words; `audit/packs/verifier/words.js` says the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from audit.ledger.offline.proof_check import TIME_UNPROVEN
from audit.ledger.packs.missing_values import counted
from audit.ledger.person_and_log_levels import Judged, Level

EARLIER: Final = "Not checked, because an earlier check failed."
ONE_FORM: Final = "It is not in the one form of a pack: ask for the file as it was downloaded."
NO_LOG_KEY: Final = "Not checked: you gave no log key that you trust."
UNSIGNED_MANIFEST: Final = (
    "Each file has the digest in the manifest, and no one you trust signed that manifest."
)
NO_AUTHORITY: Final = "Not checked: you gave no certificate of a time authority that you trust."
NOTHING: Final = "Anything: a pack that was changed is evidence of nothing."
OWN_CLAIM: Final = (
    "Who owns the keys inside the pack: they are the portal's own claim. Bring the issuer's keys "
    "from the issuer, and passkeys from whoever enrolled them."
)
OWN_DESCRIPTION: Final = "Its own description, which no check compares with the entries:"
ALWAYS: Final = (
    "That what the entries say is true: they show what was recorded, and that it was not changed.",
    "That the description in its manifest says what the entries say, and how many it leaves out.",
    "That nothing is missing: an act that was never recorded leaves no trace in any log.",
    "Anything about other people whom the entries name: on whose behalf it was, who reported it.",
    "That a person understood what they signed, or that the screen showed what was signed.",
    "That a key, passkey or right was not withdrawn later: a pack shows one moment.",
    TIME_UNPROVEN,
)
NEED_LOG_KEY: Final = (
    "A log you trust signed the tree",
    "The entry is in that tree",
    "Witnesses you trust saw the same tree",
)
NOT_COMPUTED: Final = Level("H0", ("The entry cannot be opened, so no one is named.",))

_VIA: Final = {
    "web": "in a browser",
    "api": "through the API",
    "cli": "on the command line",
    "task": "automatically",
    "import": "imported from another system",
    "tenant": "reported by the Auth0 tenant's log",
    "broker": "at the token broker",
    "phone": "on a phone",
}


def said(
    event: Mapping[str, Any], judged: Iterable[Judged], human: Level
) -> tuple[tuple[str, str], ...]:
    """Who, what, when and approved how, one sentence each."""
    return (
        ("Who", _who(event)),
        ("What", _what(event)),
        ("When", f"{_moment(event['time'])} by the recorder's clock; entry {event['index']}."),
        ("Approved", _approved(event, judged)),
        ("Proven", f"{human.words} ({human.code})."),
    )


def _who(event: Mapping[str, Any]) -> str:
    actor = event["actor"]
    name = person(actor)
    roles = f" as {', '.join(actor['roles'])}" if actor["roles"] else ""
    return f"{name}{roles}, {_VIA.get(event['via'], event['via'])}."


def _what(event: Mapping[str, Any]) -> str:
    target = event["target"]
    on = f" on {target['kind']} {text(target['name']) or '(no name)'}" if target else ""
    at = f" at {target['instance']}" if target and target["instance"] else ""
    why = f" Reason given: {text(event['reason'])}." if text(event["reason"]) else ""
    return f"{event['action']}{on}{at}, severity {event['severity']}: {event['outcome']}.{why}"


def _approved(event: Mapping[str, Any], judged: Iterable[Judged]) -> str:
    proofs = [one.sentence for one in judged if one.counts and one.kind != "id_token"]
    by = " and ".join(dict.fromkeys(map(person, _approvers(event["data"]))))
    if proofs:
        return " ".join([*([f"According to the record, {by} approved."] if by else []), *proofs])
    if by:
        return f"The record says that {by} approved; no signature that you can check shows it."
    if event["approval"]:
        return "It belongs to an approval and names no answer with a signature that you can check."
    return "No one was asked."


def _approvers(data: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    one, several = data.get("approver"), data.get("approvers")
    named = several if isinstance(several, list) and several else [one]
    return [who for who in named if isinstance(who, dict)]


def person(who: Mapping[str, Any]) -> str:
    """A person by name and subject, or what stands in their place."""
    name, sub = text(who.get("name")), text(who.get("sub"))
    if not name and not sub:
        return "no one named"
    iss = f" at {who['iss']}" if who.get("iss") else ""
    return f"{name} ({sub}{iss})" if name and sub else f"{name or sub}{iss if sub else ''}"


def text(value: object) -> str:
    """A value that may have been erased."""
    if isinstance(value, dict) and value.get("erased") is True:
        return "(erased)"
    return value if isinstance(value, str) else ""


def withheld(one: Mapping[str, Any]) -> str:
    """Why something the entries name is not in the pack."""
    what = f"The {str(one.get('kind')).replace('_', ' ')} {str(one.get('name'))[:12]}…"
    why = one.get("why")
    if number := counted(one):
        those = "they hold something like a secret"
        if why == "not_permitted":
            those = "they are not for whoever made the pack"
        return f"{count(number, 'value')} of entry {one.get('name')} are not in it: {those}."
    if one.get("kind") == "value" and why == "not_permitted":
        return f"The value {one.get('name')} is not in it: it is not for whoever made the pack."
    if why == "not_released":
        return f"{what} is not in it: the token is released after {one.get('until')}."
    if why == "erased":
        return f"{what} is not in it: its person has been erased."
    if why == "not_permitted":
        return f"{what} is not in it: whoever made the pack may not read it."
    if why == "secret":
        return f"The value {one.get('name')} is not in it: it holds something like a secret."
    return f"{what} is not in it: the store does not have it."


def sentence(error: object) -> str:
    """The words of an error as a sentence."""
    said = str(error)
    return f"{said[:1].upper()}{said[1:]}."


def count(number: int, one: str, many: str = "") -> str:
    """`1 event`, `2 events`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def are(number: int) -> str:
    """`is` of one, `are` of several."""
    return "is" if number == 1 else "are"


def _moment(stamp: str) -> str:
    return f"{datetime.fromisoformat(stamp):%Y-%m-%d %H:%M:%S} UTC"
