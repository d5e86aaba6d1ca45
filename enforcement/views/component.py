"""The page of one skill, MCP server, plugin or tool: how it stands, why, and its story."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from approvals import policy
from approvals.models import Approval, Status
from audit.ledger.query import EventQuery
from audit.models import EventRow
from audit.recording.actors import Actor, Target
from audit.search import event_search
from enforcement import known_component_names, name_warnings
from enforcement.component_kinds import SCANNED, called, noun
from enforcement.decisions import block_allow_hold, decision_severity
from enforcement.effects.all_agents_summary import (
    Overall,
    at_gateways,
    clause_after_decision,
    overall_at,
)
from enforcement.gateways import decided_and_enforced_state, instances
from enforcement.gateways.decided_and_enforced_state import At
from enforcement.gateways.effects_at_gateways import INSTALLED
from enforcement.models import Asset, Decision, Finding, Scan
from enforcement.views import decide_form
from enforcement.views.requester_and_approver import requested_and_approved

_STORY = 30
_REFUSED = "The policy in force refuses every decision about it."
_TONES = {"success": "ok", "failure": "bad", "denied": "bad", "expired": "warn", "pending": ""}


def context(
    kind: str,
    name: str,
    person: Actor,
    form: decide_form.DecideForm | None,
    severity_chosen: str = "",
) -> dict[str, Any]:
    """Everything the page shows; the buttons are for the severity that was chosen."""
    if form is not None:
        severity_chosen = str(form["severity"].value() or "")
    states = decided_and_enforced_state.with_effects(
        decided_and_enforced_state.everywhere(kind, name), kind, name
    )
    # Read after the states: what they have as acknowledged is in the history as well.
    events = story(kind, name)
    rows = list(Asset.objects.filter(kind=kind, name=name).order_by("instance"))
    approved = requested_and_approved(rows)
    found = decision_severity.found(kind, name)
    target = Target(kind, name)
    unknown = not known_component_names.is_known(kind, name)
    acts = decide_form.acts(kind, name, states, person, severity_chosen)
    return {
        "kind": kind,
        "name": name,
        "noun": noun(kind),
        "called": called(kind, name),
        "states": states,
        **_rows_and_rest(states),
        "reach": decided_and_enforced_state.REACH,
        "live": any(state.waits for state in states),
        "lacking": sum(state.code == decided_and_enforced_state.NOT_ENFORCED for state in states),
        "acknowledged": _acknowledged(states),
        "answer": answer(kind, states, rows),
        "found": found,
        "never_scanned": not found,
        "no_scan": _no_scan(kind),
        "unreported": _unreported(kind, name, states, events),
        "scannable": kind in SCANNED,
        "unknown": unknown,
        "nearest": known_component_names.nearest(kind, name) if unknown else (),
        "scans": decision_severity.latest_scans(kind, name),
        "findings": decision_severity.open_findings(kind, name),
        "rows": [{"asset": row, "approved": approved.get(row.pk, "")} for row in rows],
        "approvals": pending(kind, name),
        "needs": block_allow_hold.needs(target) if kind == "mcp" else [],
        "acts": acts,
        "main_action": decide_form.joined_labels(acts),
        "afterwards": decide_form.afterwards(acts),
        "why_no_acts": decision_severity.why_undecidable(target) or _REFUSED,
        "matches_nothing": name_warnings.why_it_stops_nothing(kind, name),
        "form": form,
        "raised": decide_form.raised(found),
        "scopes": [instance.name for instance in instances.fleet().with_outposts],
        "may_decide": "operator" in person.roles,
        "story": events,
        "crumbs": [
            {"text": "Findings", "url": "/enforcement/"},
            {"text": called(kind, name)},
        ],
    }


def _rows_and_rest(states: Sequence[At]) -> dict[str, list[At]]:
    """The gateways that have a row, and those that one sentence names: where nothing was decided
    and nothing restricts it, next to others."""
    plain = [at for at in states if at.is_plain]
    if len(plain) == len(states):
        return {"shown": plain, "plain": []}
    return {"shown": [at for at in states if not at.is_plain], "plain": plain}


def _acknowledged(states: Sequence[At]) -> str:
    """`2 of 3 gateways`: how many of those that the decision in force is for acknowledged it."""
    decided = [state for state in states if state.wanted != "none"]
    done = sum(state.code != decided_and_enforced_state.NOT_ENFORCED for state in decided)
    return f"{done} of {len(decided)} gateways" if len(decided) > 1 else ""


def _no_scan(kind: str) -> str:
    """Which scans count, and what a decision about a component without one counts as."""
    level = policy.current().never_scanned_loosening
    if kind not in SCANNED:
        return f"Tools are not scanned. A decision that relaxes a restriction counts as {level}."
    return (
        "Only scans that this portal read from a gateway count; those that are only in the audit "
        f"trail do not. A decision that relaxes a restriction counts as {level}."
    )


def _unreported(
    kind: str, name: str, states: Sequence[At], events: Sequence[Mapping[str, Any]]
) -> str:
    """That no gateway reported it, and from when on a block counts then; empty for others."""
    if kind not in INSTALLED:
        return ""
    about = {"kind": kind, "name": name}
    listed = any(at.wanted == "none" and at.code != "none" for at in states)
    if listed or any(one["reported"] for one in events):
        return ""
    if Scan.objects.filter(**about).exists() or Finding.objects.filter(**about).exists():
        return ""
    return (
        f"No gateway has reported a {noun(kind)} with this name, so it is not known whether a copy "
        "is installed. A hold or block takes effect at its next install, where the gateway watches "
        "the folder. The table shows what agents can do with a copy that is there."
    )


def answer(kind: str, states: Sequence[At], rows: Sequence[Asset]) -> dict[str, str]:
    """The sentence that the page opens with: its `form`, and the words around the name; `use` is
    what a hold or block comes to, in one word."""
    lacking = {
        at.instance.name for at in states if at.code == decided_and_enforced_state.NOT_ENFORCED
    }
    if restricting := [at for at in states if at.restricts]:
        where = at_gateways([at.instance.name for at in restricting], len(states))
        use = overall_at([[str(agent.summary) for agent in at.agents] for at in restricting])
        effect = clause_after_decision(use, installed=kind in INSTALLED, where=where)
        if lacking.isdisjoint(at.instance.name for at in restricting):
            words = f"{_restricted(restricting)}{where}{effect}"
            return {"form": "is", "words": words, "use": str(use)}
        words = f"{where}{effect}"
        return {
            "form": "decided",
            "decision": _decision(restricting),
            "words": words,
            "use": str(use),
        }
    if allowed := [at for at in states if "allow" in at.wanted or at.code == "allowed"]:
        where = at_gateways([at.instance.name for at in allowed], len(states))
        if lacking.isdisjoint(at.instance.name for at in allowed):
            return {"form": "is", "words": f"allowed{where}"}
        words = f"{where}, but is not in force everywhere"
        return {"form": "decided", "decision": "An allow", "words": words}
    if lacking:
        return {"form": "not_lifted"}
    if not states and any(row.holder or row.decision != Decision.NONE for row in rows):
        words = ", but no gateway is registered"
        return {"form": "decided", "decision": "A decision", "words": words}
    return {"form": "none"}


def answer_of(kind: str, name: str) -> dict[str, str]:
    """The same by its name, for other pages."""
    everywhere = decided_and_enforced_state.everywhere(kind, name)
    states = decided_and_enforced_state.with_effects(everywhere, kind, name)
    return answer(kind, states, list(Asset.objects.filter(kind=kind, name=name)))


def use_now(states: Sequence[At], *, installed: bool) -> tuple[str, str] | None:
    """Where agents can use it, before and after its name; None where no gateway is registered. Of
    what is `installed` as files it does not claim that a copy is there."""
    where: dict[Overall, list[str]] = {}
    for at in states:
        found = overall_at([[str(agent.summary) for agent in at.agents]])
        where.setdefault(found, []).append(at.instance.name)
    copy = "where a copy is installed" if installed else ""
    for found, (before, after) in {
        Overall.NOT_STOPPED: ("Agents can use", copy),
        Overall.PARTLY_STOPPED: ("Some uses of", "are not known to be stopped"),
        Overall.NOT_KNOWN: ("It is not known whether agents can use", copy),
        Overall.STOPPED: ("Every known use of", "is stopped"),
    }.items():
        if names := where.get(found):
            rest = f"{at_gateways(names, len(states))} {after}".rstrip()
            return before, rest
    return None


def _restricted(restricting: Sequence[At]) -> str:
    found = {at.wanted == "hold" or at.code == "held" for at in restricting}
    return "on hold or blocked" if len(found) > 1 else "on hold" if found == {True} else "blocked"


def _decision(restricting: Sequence[At]) -> str:
    found = _restricted(restricting)
    return {"on hold": "A hold", "blocked": "A block"}.get(found, "A hold or block")


def pending(kind: str, name: str) -> list[Approval]:
    """Requests about it that wait for somebody."""
    waiting = Approval.objects.filter(target_kind=kind, target_name=name, status=Status.PENDING)
    return list(waiting.order_by("-created"))


def _events(names: list[str], kinds: set[str]) -> list[EventRow]:
    query = EventQuery.from_params({"target": names})
    if query.errors or not names:
        return []
    return [row for row in event_search.page(query, limit=_STORY).rows if row.target_kind in kinds]


def story(kind: str, name: str) -> list[dict[str, Any]]:
    """Its newest events and those of its findings, as sentences with a link to their evidence."""
    disposed = Finding.objects.filter(kind=kind, name=name).exclude(status_at=None)
    ids = disposed.order_by("-status_at").values_list("finding_id", flat=True)[:_STORY]
    found = [*_events([name], {kind}), *_events(list(ids), {"alert"})]
    rows = event_search.newest_first(found)[:_STORY]
    return [
        {
            "text": row.sentence,
            "when": row.time,
            "url": f"/audit/events/{row.event}/",
            "tone": _TONES.get(row.outcome, ""),
            "reported": row.source == "defenseclaw",
        }
        for row in rows
    ]
