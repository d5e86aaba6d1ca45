"""One event as an exhibit: what it says, what proves it, what does not, and what belongs to it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F
from django.utils.safestring import SafeString

from audit.evidence import body_and_pack_access, human_levels
from audit.importing.secret_masking import mask
from audit.keys.log_identity import vkey
from audit.ledger import note, person_and_log_levels
from audit.ledger.format.allowed_field_values import HUMAN_WORDS, IMPORTED
from audit.ledger.offline.proof_check import ALWAYS_UNPROVEN, SAME_FOR_ALL_UNPROVEN, TIME_UNPROVEN
from audit.ledger.person_and_log_levels import Level
from audit.ledger.query import EventQuery
from audit.ledger.trust_policy import NONE, Policy
from audit.models import EventRow
from audit.proofs import proofs_and_tiles
from audit.recording import action_registry
from audit.recording.actors import Actor
from audit.recording.sentences import person, shown
from audit.recording.stored_event_loader import Recorded
from audit.search.index_tokens import person_key
from audit.views.event import values_in_words
from audit.views.trail import operation_outcomes
from audit.views.trail.filter_from_address import url_of
from audit.views.trail.operation_outcomes import Opening
from audit.views.trail.rows import LATE, emphasised
from ui import person_links

_STORY = 20
_VIA = {
    "web": "browser",
    "api": "the API",
    "cli": "command line",
    "task": "this portal itself",
    "import": "an import of another system's records",
    "tenant": "the Auth0 tenant's log",
    "broker": "the token broker",
}
_RELATED = (
    ("approval", "This approval"),
    ("session", "This session"),
    ("request", "This request"),
    ("connection", "Same connection"),
    ("agent", "Same agent"),
    ("instance", "Same gateway"),
)


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the definition list. `kind` says how to show it: text, mono, hash, time, link."""

    label: str
    value: Any
    kind: str = "text"
    url: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """What both the drawer and the page of an event show; `outcome` is that of its operation."""

    event: dict[str, Any]
    outcome: str
    sentence: SafeString
    label: str
    url: str
    facts: tuple[Fact, ...]
    changes: tuple[dict[str, Any], ...]
    data: str
    data_label: str
    human: Level
    log: Level
    demo: bool
    proven: tuple[dict[str, Any], ...]
    not_proven: tuple[str, ...]
    story: tuple[dict[str, Any], ...]
    related: tuple[dict[str, str], ...]
    proof: str

    @property
    def alarm(self) -> str:
        """What the stored level says that its evidence does not prove; empty where they agree."""
        stored = self.event["human"]
        if stored == self.human.code:
            return ""
        return (
            f"Lists and filters say {HUMAN_WORDS.get(stored, 'nothing')} ({stored}); verified "
            f"just now it is {self.human.words} ({self.human.code}). Someone changed a row, or "
            "evidence went or came since. Verify everything on the ledger page: it names each "
            "such entry."
        )

    @property
    def title(self) -> str:
        """The sentence as plain text, for the head of the page."""
        return action_registry.sentence(self.event)


def exhibit_of(recorded: Recorded, viewer: Actor | None = None) -> Exhibit:
    """Put an exhibit together; the levels are verified here and now, not read from a column.

    Args:
        viewer: for whom names of people lead to their pages.
    """
    event = recorded.event
    id = UUID(event["id"])
    proof = _proof(recorded)
    human_level = human_levels.explain(event)
    log_level = person_and_log_levels.log(recorded.entry, proof or None, _policy())
    issuer = event["actor"]["iss"]
    target = event["target"] or {}
    outcome = _came_to(event)
    return Exhibit(
        event=event,
        outcome=outcome,
        sentence=emphasised(
            action_registry.sentence(event), person(event["actor"], ""), shown(target.get("name"))
        ),
        label=action_registry.label(event["action"]),
        url=f"/audit/events/{id}/",
        facts=tuple(_facts(event, outcome, viewer)),
        changes=tuple(values_in_words.changes(event["changes"])),
        data=pretty(mask(event["data"])) if event["data"] else "",
        data_label=_data_label(event),
        human=human_level,
        log=log_level,
        demo=bool(issuer) and settings.ENV.local_tenant and issuer == settings.ENV.issuer,
        proven=tuple(_proven(event, human_level, log_level)),
        not_proven=tuple(_not_proven(human_level, log_level)),
        story=tuple(_story(event)),
        related=tuple(_related(event)),
        proof=proof,
    )


def _came_to(event: dict[str, Any]) -> str:
    opening = Opening(event["id"], event["operation"], event["action"], event["outcome"])
    return operation_outcomes.came_to([opening]).get(event["id"], str(event["outcome"]))


def bodies_of(event: dict[str, Any], reader: Actor) -> list[dict[str, Any]]:
    """The evidence that an event names, with a link where this reader may open it."""
    readable = "auditor" in reader.roles or person_key(event["actor"]) == reader.key
    return [
        {
            "label": body_and_pack_access.LABELS.get(one["kind"], one["kind"]),
            "digest": one["digest"],
            "url": f"/audit/evidence/{one['digest']}/" if readable else "",
        }
        for one in event["evidence"]
    ]


def _data_label(event: dict[str, Any]) -> str:
    if event["source"] not in IMPORTED:
        return "Details as recorded"
    return f"Claims of {_reporter(event)}, not checked here"


def pretty(value: Any) -> str:
    """Indented JSON for people."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def _proof(recorded: Recorded) -> str:
    index, checkpoint = recorded.event["index"], recorded.checkpoint
    if index is None or checkpoint is None or index >= checkpoint.size:
        return ""
    return proofs_and_tiles.proof_at(index, checkpoint)


def _policy() -> Policy:
    """We trust our own key here, and nobody has named witnesses to this page."""
    return Policy((note.parse_vkey(vkey()),), {}, {}, NONE)


def _facts(event: dict[str, Any], outcome: str, viewer: Actor | None) -> list[Fact]:
    recorded = event["outcome"] if event["outcome"] != outcome else ""
    own = Fact("Outcome as recorded", recorded, note="the operation went on after this event")
    return [fact for fact in (*_who(event, viewer), *_what(event), own, *_why(event)) if fact.value]


def _who(event: dict[str, Any], viewer: Actor | None) -> list[Fact]:
    actor, behalf = event["actor"], event["on_behalf_of"]
    roles = ", ".join(actor["roles"]) or ("member" if actor["iss"] else "")
    name, email = person(actor, ""), shown(actor["email"])
    return [
        _person(
            Fact(
                "Who",
                name or "no one named",
                note=_doubt(event) or (roles and f"{roles} at the time"),
            ),
            actor,
            viewer,
        ),
        _repeats(event),
        Fact("E-mail", email if email != name else ""),
        Fact("Subject", shown(actor["sub"]), "mono"),
        Fact("Issuer", actor["iss"], "mono"),
        _person(
            Fact("On behalf of", person(behalf, "") if behalf else "", note=_contact(behalf)),
            behalf,
            viewer,
        ),
        Fact("Agent", event["agent"], note=event["skill"] and f"skill {event['skill']}"),
        Fact("Via", _VIA.get(event["via"], event["via"])),
        Fact("Address", shown(_own_data(event).get("ip")), "mono"),
    ]


def _person(fact: Fact, who: dict[str, Any] | None, viewer: Actor | None) -> Fact:
    """The fact with a link to the page of the person whom it names, where the viewer may see it."""
    if viewer is None or not who:
        return fact
    url = person_links.page_of_subject(viewer, str(who["iss"]), shown(who["sub"]))
    return replace(fact, kind="link", url=url) if url else fact


def _own_data(event: dict[str, Any]) -> dict[str, Any]:
    """The details, where this portal wrote them; those of others are shown as their claims."""
    found: dict[str, Any] = {} if event["source"] in IMPORTED else event["data"]
    return found


def _doubt(event: dict[str, Any]) -> str:
    """Why the actor may be somebody else.

    Rows imported before tags existed took the name of the operation whose id they repeat.
    """
    if event["source"] == "external":
        return "claimed by who reported it" if person(event["actor"], "") else ""
    named = event["data"].get("actor_provenance") == "portal-verified"
    return "taken from an operation id that anyone can read" if named else ""


def _repeats(event: dict[str, Any]) -> Fact:
    """How a row of a gateway refers to a decision of ours, as the import found."""
    if event["source"] != "defenseclaw":
        return Fact("Decision", "")
    data = event["data"]
    operation = shown(data.get("repeats_operation")) or event["operation"]
    if data.get("repeats") == "tag":
        row = EventRow.of_operation(operation).filter(source="portal").order_by("event").first()
        who = row and (row.actor_name or row.actor_email or row.actor_sub)
        text = f"matches the decision of {who}" if who else f"matches operation {operation}"
        return Fact("Decision", text, note="it does not prove who wrote the row")
    if data.get("repeats") == "id" or _doubt(event):
        text = f"repeats the id of operation {operation}, which anyone can read"
        return Fact("Decision", text)
    return Fact("Decision", "")


def _contact(behalf: dict[str, Any] | None) -> str:
    if not behalf:
        return ""
    return shown(behalf["email"]) or shown(behalf["sub"])


def _what(event: dict[str, Any]) -> list[Fact]:
    target = event["target"] or {}
    what = f"{target.get('kind', '').replace('_', ' ')} {shown(target.get('name'))}".strip()
    when, recorded = datetime.fromisoformat(event["time"]), event["recorded_at"]
    late = abs(datetime.fromisoformat(recorded) - when) > LATE
    return [
        Fact("What", action_registry.label(event["action"]), note=event["action"]),
        Fact("Target", what),
        Fact("Where", target.get("instance") or event["instance"]),
        Fact("Connection", event["connection"]),
        Fact("When", event["time"], "time"),
        Fact("Recorded", recorded if late else "", "time", note="later than it happened"),
        Fact("Reported by", _reporter(event)),
        Fact("Asked by", shown(_own_data(event).get("requested_by"))),
    ]


def _reporter(event: dict[str, Any]) -> str:
    by = event["data"].get("reported_by")
    named = person(by, "") if isinstance(by, dict) else shown(by)
    return named or ("" if event["source"] == "portal" else str(event["source"]))


def _why(event: dict[str, Any]) -> list[Fact]:
    data = _own_data(event)
    approval = event["approval"] if event["source"] not in IMPORTED else ""
    finding = shown(data.get("finding")) or shown(data.get("finding_title"))
    return [
        Fact("Reason", shown(event["reason"])),
        Fact("Hold", values_in_words.why_hold_stayed(shown(data.get("hold_kept")))),
        Fact("Finding", finding or shown(data.get("finding_id"))),
        Fact("Policy", shown(data.get("policy_words"))),
        *_version(shown(data.get("policy"))),
        Fact("Approval", approval, "link", url=f"/approvals/{approval}/"),
        Fact("Code", shown(data.get("code")), "mono"),
        Fact("Intent", event["intent_hash"], "hash"),
    ]


def _version(digest: str) -> list[Fact]:
    """The policy that was in force: every decision repeats its digest."""
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        return [Fact("Policy version", digest)]
    return [Fact("Policy version", digest, "hash", url=f"/approvals/policy/{digest}/")]


def _proven(event: dict[str, Any], human: Level, log: Level) -> list[dict[str, Any]]:
    reasons = [values_in_words.plain_dates(reason) for reason in (*human.proves, *log.proves)]
    found: list[dict[str, Any]] = [{"text": reason} for reason in reasons]
    for item, digest in zip(found, human.digests, strict=False):
        item |= {"hash": digest, "hash_label": "evidence digest"}
    return found


def _not_proven(human: Level, log: Level) -> list[str]:
    said = [*human.lacks, *log.lacks]
    if log.code == "L1":  # the same thing, said so that one sees why it matters
        said = [*human.lacks, SAME_FOR_ALL_UNPROVEN]
    return [*dict.fromkeys([*said, TIME_UNPROVEN, *ALWAYS_UNPROVEN[:2]])]


def _story(event: dict[str, Any]) -> list[dict[str, Any]]:
    if not event["operation"]:
        return []
    tones = {"success": "ok", "denied": "bad", "failure": "bad", "expired": "warn"}
    rows = EventRow.of_operation(event["operation"])
    if event["source"] != "external":  # reports of versions before belong to no operation of ours
        rows = rows.exclude(source="external")
    found = list(rows.order_by(F("seq").asc(nulls_last=True), "event")[: _STORY + 1])
    left_out = rows.count() - _STORY if len(found) > _STORY else 0
    return [
        {
            "when": row.time,
            "when_style": "time",
            "text": row.sentence,
            "tone": tones.get(row.outcome, ""),
            "url": "" if str(row.event) == event["id"] else f"/audit/events/{row.event}/",
            "detail": "this event" if str(row.event) == event["id"] else "",
        }
        for row in found[:_STORY]
    ] + ([_left_out(event["operation"], left_out)] if left_out else [])


def _left_out(operation: str, count: int) -> dict[str, Any]:
    return {
        "when": None,
        "when_style": "",
        "text": f"{count:,} more events of this operation",
        "tone": "",
        "url": url_of(EventQuery().including("operation", operation)),
        "detail": "",
    }


def _related(event: dict[str, Any]) -> list[dict[str, str]]:
    links = [
        {"text": label, "url": url_of(EventQuery().including(key, event[key]))}
        for key, label in _RELATED
        if event[key]
    ]
    target = event["target"] or {}
    if name := shown(target.get("name")):
        about = EventQuery().including("target", name)
        links.insert(0, {"text": f"All events for {name}", "url": url_of(about)})
    return links
