"""Plain English for events: the pieces that sentence formatters share.

Every function takes the public event JSON (DESIGN 2.5), whose personal values may be erased.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

type PublicEvent = Mapping[str, Any]
type Sentence = Callable[[PublicEvent], str]

ERASED = "(erased)"
_CHANNELS = {"ciba": "phone", "phone": "phone", "passkey": "passkey", "both": "phone and passkey"}
_OUTCOMES = {
    "success": "",
    "failure": " (failed)",
    "denied": " (denied)",
    "expired": " (expired)",
    "cancelled": " (cancelled)",
    "pending": " (not finished when recorded)",
    "unknown": " (outcome unknown)",
}
_UNNAMED = {
    "connection": "a connection",
    "agent": "an agent",
    "skill": "no named skill",
    "instance": "no instance",
}


def shown(value: Any) -> str:
    """Text of a value of a public event; an erased one says so."""
    if isinstance(value, Mapping):
        return ERASED if value.get("erased") else ""
    return "" if value is None else str(value)


def person(value: Mapping[str, Any] | None, nobody: str = "Someone") -> str:
    """Name of a person for display: name, else e-mail, else subject."""
    if not value:
        return nobody
    for key in ("name", "email", "sub"):
        if text := shown(value.get(key)):
            return text
    return nobody


def approvers(event: PublicEvent) -> list[Mapping[str, Any]]:
    """All who approved what the event is about, as it names them."""
    data = event.get("data") or {}
    several, one = data.get("approvers"), data.get("approver")
    named = several if isinstance(several, list) and several else [one]
    return [who for who in named if isinstance(who, Mapping)]


def people(named: list[Mapping[str, Any]]) -> str:
    """Names of several people: `Anya Admin and Amir Admin`."""
    return " and ".join(map(person, named))


def target(event: PublicEvent) -> str:
    """Kind and name of the target, such as `skill pdf-exfil`; empty when there is none."""
    value = event.get("target")
    if not value:
        return ""
    kind, name = value.get("kind", ""), shown(value.get("name"))
    if kind == "subject":  # 64 digits: nobody reads more of them than the pages show
        name = name[:12]
    return f"{kind.replace('_', ' ')} {name}".strip()


def texts(event: PublicEvent) -> defaultdict[str, str]:
    """What a sentence may name: each text of the data, lists with commas; who, where, how it ended.

    Empty what the event does not say. `who` acted, `for` whom; `outcome` is empty after success,
    else such as ` (denied)`.
    """
    data, named = event.get("data"), event.get("target") or {}
    found = data if isinstance(data, Mapping) else {}
    said: defaultdict[str, str] = defaultdict(str)
    said |= {
        key: ", ".join(map(shown, value)) if isinstance(value, list) else shown(value)
        for key, value in found.items()
    }
    return said | {
        "who": person(event.get("actor")),
        "for": person(event.get("on_behalf_of") or event.get("actor")),
        "target": target(event),
        "name": shown(named.get("name")),
        "connection": shown(event.get("connection")) or shown(found.get("connection")),
        "agent": shown(event.get("agent")),
        "skill": shown(event.get("skill")),
        "instance": shown(event.get("instance")),
        "outcome": _OUTCOMES.get(str(event.get("outcome")), ""),
    }


def place(event: PublicEvent) -> str:
    """` on <instance>`, or nothing."""
    instance = (event.get("target") or {}).get("instance") or event.get("instance")
    return f" on {instance}" if instance else ""


def after_approval(event: PublicEvent) -> str:
    """` after approving code 42-17-08 by phone`, from `code`, `channel`, `approver` in `data`."""
    data = event.get("data") or {}
    code = shown(data.get("code"))
    if not code or event.get("outcome") != "success":
        return ""
    channel = _CHANNELS.get(shown(data.get("channel")), shown(data.get("channel")))
    by = f" by {channel}" if channel else ""
    approver = data.get("approver")
    actor = event.get("actor") or {}
    if isinstance(approver, Mapping) and shown(approver.get("sub")) != shown(actor.get("sub")):
        return f" after {person(approver)} approved code {code}{by}"
    return f" after approving code {code}{by}"


def phrase(words: str, *, says_outcome: bool = False) -> Sentence:
    """A formatter `<actor> <words> <where> <after which approval> <outcome>`.

    `words` may name {target}, {connection}, {agent}, {skill} and {instance}; `says_outcome` leaves
    the outcome out because the words already tell it.
    """

    def sentence(event: PublicEvent) -> str:
        said = {key: shown(event.get(key)) or otherwise for key, otherwise in _UNNAMED.items()}
        sentence = words.format(target=target(event) or "something", **said)
        principal = event.get("on_behalf_of")
        behalf = f" for {person(principal)}" if principal else ""
        start = f"{person(event.get('actor'))} {sentence}{place(event)}{behalf}"
        if says_outcome:
            return start
        return f"{start}{after_approval(event)}{_OUTCOMES.get(event.get('outcome', ''), '')}"

    return sentence


def reported(event: PublicEvent) -> str:
    """A fact of another system: `DefenseClaw reported scan of skill pdf-exfil on edge-1`."""
    family, _, act = event["action"].partition(".")
    data = event.get("data") or {}
    by, actor = data.get("reported_by"), event.get("actor")
    teller = person(by, "") if isinstance(by, Mapping) else shown(by)
    # Who reported and who is said to have acted are two, where the event tells both.
    claimed = (
        f" by {person(actor)}" if teller and family == "external" and person(actor, "") else ""
    )
    if not teller:
        teller = "DefenseClaw" if family == "defenseclaw" else person(actor, "Another system")
    what = act.replace("_", " ").replace("-", " ")
    about = f" of {target(event)}" if target(event) else ""
    outcome = _OUTCOMES.get(event.get("outcome", ""), "")
    return f"{teller} reported {what}{about}{place(event)}{claimed}{outcome}"
