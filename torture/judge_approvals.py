"""Decisions, approvals and remote steps against the answers that people and phones got."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count

from approvals import clock
from approvals.models import Approval, Ask, Effect, EffectState, Outcome, Status
from audit.evidence import storage
from audit.models import Event, EventRow
from scripts.demo_environment_setup import ports

type Said = Iterator[str]

# A dead worker's lease (60 s), the last look after expiry (15 s), a restart, and a busy machine.
GRACE = timedelta(seconds=120)
_ENDING = {
    Outcome.APPROVED: "approval.approved",
    Outcome.DENIED: "approval.denied",
    Outcome.EXPIRED: "approval.expired",
    Outcome.FAILED: "approval.failed",
    Outcome.CANCELLED: "approval.cancelled",
}
# How an approval may end after what its phone was told. A crash may lose an answer, never turn it.
_MAY_END = {
    "approve": {Outcome.APPROVED, Outcome.FAILED, Outcome.EXPIRED},
    "deny": {Outcome.DENIED, Outcome.FAILED, Outcome.EXPIRED},
    "leave": {Outcome.EXPIRED, Outcome.FAILED},
    "cancel": {Outcome.CANCELLED, Outcome.EXPIRED, Outcome.FAILED},
}


def counts() -> dict[str, int]:
    """How many ended how."""
    rows = Approval.objects.values_list("outcome").annotate(n=Count("pk"))
    steps = Effect.objects.values_list("state").annotate(n=Count("pk"))
    return {f"approvals {o or 'open'}": n for o, n in rows} | {f"steps {s}": n for s, n in steps}


def stuck() -> Said:
    """An approval that waits longer than its expiry and a dead worker's lease."""
    late = Approval.objects.exclude(status=Status.CLOSED).filter(expires_at__lt=clock.now() - GRACE)
    for approval in late:
        yield f"approval {approval.pk} is {approval.status} long after {approval.expires_at}"


def decisions(journal: dict[str, Any]) -> Said:
    """Each acknowledged decision was taken once, however often it was sent."""
    for name, known_of in journal["decisions"].items():
        if "approval" in known_of:
            made = set(
                map(str, Approval.objects.filter(target_name=name).values_list("pk", flat=True))
            )
            if made != {known_of["approval"]}:
                yield f"{name}: acknowledged {known_of['approval']}, there are {sorted(made)}"
        else:
            action = _past(known_of["verb"])
            decided = EventRow.objects.filter(target_name=name, action=action).exclude(via="task")
            if (count := decided.count()) != 1:
                yield f"{name} was decided once and recorded {count} times"


def _past(verb: str) -> str:
    kind, act = verb.split(".")
    return f"{kind}.{ {'block': 'blocked', 'allow': 'allowed', 'hold': 'held'}[act] }"


def closings(journal: dict[str, Any]) -> Said:
    """Each approval ended, as its answer allows, with exactly one event that says so."""
    actions: dict[str, Counter[str]] = defaultdict(Counter)
    rows = EventRow.objects.exclude(approval="")
    for approval, action, via in rows.values_list("approval", "action", "via"):
        if via == "task" and not action.startswith("approval."):
            continue  # the end of a remote step carries the name of its decision
        actions[approval][action] += 1
    for row in Approval.objects.all():
        yield from _closing(row, actions[str(row.pk)])
        answer = journal["asked"].get(str(row.pk))
        known_of = journal["phones"].get(str(row.pk), [])
        if answer in {"approve", "deny"} and not known_of:
            answer = None  # nobody knows whether a tap that got no answer was taken
        if answer and row.outcome and row.outcome not in _MAY_END[answer]:
            yield f"approval {row.pk} was to {answer} (phone: {known_of}): {row.outcome}"


def _closing(approval: Approval, seen: Counter[str]) -> Said:
    if approval.status != Status.CLOSED:
        yield f"approval {approval.pk} is still {approval.status}, due {approval.due}"
        return
    ending = _ENDING[Outcome(approval.outcome)]
    allowed = 2 if approval.outcome == Outcome.DENIED else 1  # inferred, then evidenced
    if approval.outcome in {Outcome.EXPIRED, Outcome.FAILED}:
        allowed = max(allowed, approval.asks.count())  # one a person asked; late answers
    if not 1 <= seen[ending] <= allowed:
        yield f"approval {approval.pk} ended {approval.outcome} with {seen[ending]} {ending}"
    event = approval.event_id
    if event is None or not EventRow.objects.filter(event=event).exists():
        yield f"approval {approval.pk} names event {approval.event_id}, which is not there"
    committed = seen[_past(approval.verb)]
    wanted = 1 if approval.outcome == Outcome.APPROVED else 0
    if committed != wanted:
        yield f"approval {approval.pk} ended {approval.outcome} and committed {committed} times"
    # A push that is out is polled until it expires: a late answer commits nothing but is recorded.
    asking = Ask.objects.filter(approval=approval, state__in=("starting", "waiting"))
    if asking.filter(due__lt=clock.now() - GRACE).exists():
        yield f"approval {approval.pk} is closed and still asks"


def evidence_of_approvals() -> Said:
    """What every approval committed names bodies that are there and open."""
    approved = EventRow.objects.filter(action="approval.approved").values_list("event", flat=True)
    committed = Approval.objects.filter(outcome=Outcome.APPROVED).values_list("event_id", flat=True)
    for entry in _entries([*approved, *committed]):
        named = {ref["kind"]: ref["digest"] for ref in entry["evidence"]}
        if "approval_token" not in named:
            yield f"event {entry['id']} ({entry['action']}) names no approval token"
        for kind, digest in named.items():
            try:
                storage.get(digest)
            except storage.EvidenceError as gone:
                yield f"event {entry['id']} names {kind} {digest[:12]}: {gone}"


def _entries(ids: list[Any]) -> Iterator[dict[str, Any]]:
    for start in range(0, len(ids), 500):
        found = Event.objects.filter(id__in=ids[start : start + 500])
        for entry in found.values_list("entry", flat=True):
            yield json.loads(bytes(entry))


def steps() -> Said:
    """Each remote step ended, and its end was recorded once."""
    operations = set(Effect.objects.values_list("operation", flat=True))
    rows = EventRow.objects.filter(operation__in=operations, via="task")
    known_of: Counter[tuple[str, str, str]] = Counter()
    for entry in _entries(list(rows.values_list("event", flat=True))):
        if "step" in entry["data"]:
            known_of[entry["operation"], entry["data"]["step"], entry["instance"]] += 1
    for step in Effect.objects.all():
        ended = step.state in {EffectState.DONE, EffectState.FAILED}
        count = known_of[step.operation, step.kind, step.instance]
        if not ended:
            yield f"step {step.kind} at {step.instance} is {step.state}: {step.detail}"
        elif count != 1:
            yield f"step {step.kind} of {step.operation} at {step.instance} ended {count} times"


def gateways(journal: dict[str, Any]) -> Said:
    """What a gateway enforces is what was decided, each once."""
    token = (settings.VAR_DIR / "secrets" / "DEMO_GATEWAY_TOKEN").read_text().strip()
    approved = dict(Approval.objects.values_list("pk", "outcome"))
    known = {str(pk): outcome for pk, outcome in approved.items()}
    for instance, port in ports(settings.ENV).items():
        blocked, allowed = (_listed(port, which, token) for which in ("blocked", "allowed"))
        for name, known_of in journal["decisions"].items():
            act = known_of["verb"].split(".")[1]
            committed = "event" in known_of or known.get(known_of["approval"]) == Outcome.APPROVED
            # A block that was asked for holds at once; denied and cancelled it is lifted.
            lifted = known.get(known_of.get("approval", "")) in {Outcome.DENIED, Outcome.CANCELLED}
            if act == "allow" and committed and allowed[name] != 1:
                yield f"{name} is allowed and {instance} lists it {allowed[name]} times"
            if act == "allow" and not committed and allowed[name]:
                yield f"{name} was not allowed and {instance} allows it"
            if act != "allow" and committed and blocked[name] != 1:
                yield f"{name} is decided ({act}) and {instance} blocks it {blocked[name]} times"
            if act != "allow" and lifted and _confirmed(known_of) and blocked[name]:
                yield f"{name}: its hold ended and {instance} still blocks it"


def _confirmed(known_of: dict[str, Any]) -> bool:
    return not Approval.objects.get(pk=known_of["approval"]).held


def _listed(port: int, which: str, token: str) -> Counter[str]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/enforce/{which}",
        headers={"Authorization": f"Bearer {token}", "X-DefenseClaw-Client": "torture"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return Counter(row["target_name"] for row in json.load(answer) or [])
