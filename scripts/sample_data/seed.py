"""Sixty decisions that really happen: people sign in, decide over /v1 and answer on phones.

A visitor's first screen should show the product, so the first start runs this against the stack:
every decision goes through the real pipeline and every approval through the local tenant's HTTP.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from portal.env import BASE_DIR, env
from scripts.demo_environment_setup import INSTANCES, home_of
from scripts.sample_data.people import Person, Phones

PEOPLE = ("operator", "operator2", "member1", "admin")
DECISIONS = 60
_PATIENCE_S = 90


@dataclass(frozen=True, slots=True)
class Plan:
    """One decision: who asks for what, and what the asked person will do."""

    who: str
    verb: str
    kind: str
    name: str
    severity: str
    reason: str
    answer: str  # approve | deny | ignore
    instance: str  # always a DEMO gateway


# What is decided about: kind, names that share a reason, the reason.
_THINGS = (
    ("skill", "clipboard-sync window-recorder screen-notes key-logger-lite",
     "reads the clipboard of every window"),
    ("skill", "csv-cleaner table-merge spreadsheet-lint json-tidy", "reviewed: local files only"),
    ("skill", "meeting-notes call-summary voice-memo transcript-share",
     "sends transcripts to an outside host"),
    ("skill", "invoice-relay receipt-upload statement-fetch expense-mailer",
     "forwards invoices to a paste site"),
    ("skill", "calendar-digest week-planner agenda-mail room-finder",
     "scopes match its manifest"),
    ("skill", "repo-janitor branch-sweeper fork-cleaner tag-pruner",
     "deletes branches without asking"),
    ("skill", "ticket-triage issue-labels backlog-sort", "reviewed with its owner"),
    ("skill", "browser-autofill card-keeper form-memory", "stores card numbers in plain text"),
    ("mcp", "shadow-fs home-share open-drive", "serves the whole home folder"),
    ("mcp", "postgres-readonly metrics-read docs-index", "reviewed: read only, one schema"),
    ("mcp", "slack-export dm-archive channel-dump", "exports private channels"),
    ("mcp", "weather timezone public-holidays", "no credentials, public data"),
    ("mcp", "k8s-admin cluster-root node-shell", "cluster-admin token in its image"),
    ("plugin", "fastdb quick-cache turbo-index", "loads code from a mutable tag"),
    ("plugin", "pdf-tools image-resize font-pack", "signed by its vendor"),
    ("plugin", "prompt-cache chat-backup history-search", "keeps prompts for 90 days"),
    ("tool", "shell.exec process.spawn registry.write", "not on shared machines"),
    ("tool", "http.fetch dns.resolve feed.read", "allowed to internal hosts only"),
)  # fmt: skip


def plans(seed: int = 7) -> list[Plan]:
    """The sixty, in an order that mixes people, verbs and endings; the same every time."""
    choose = random.Random(seed)  # noqa: S311  # sample data, not a secret
    made = []
    for n in range(DECISIONS):
        kind, names, reason = _THINGS[n % len(_THINGS)]
        name = names.split()[n // len(_THINGS)]
        severity = ("LOW", "HIGH", "CRITICAL", "MEDIUM", "HIGH")[n % 5]
        verb = "allow" if re.match("reviewed|signed|scopes|no cred|allowed", reason) else "block"
        answer = choose.choices(("approve", "deny", "ignore"), (13, 4, 3))[0]
        who = PEOPLE[choose.randrange(2)]
        where = INSTANCES[n % len(INSTANCES)]
        made.append(Plan(who, f"{kind}.{verb}", kind, name, severity, reason, answer, where))
    return made


# Who, over which connection, by which component of which agent, with which scopes.
_USES = (
    ("operator", "slack", "standup-bot", "cursor", "channels:read"),
    ("operator", "github", "github-mcp", "codex", "read:user repo"),
    ("member1", "google-oauth2", "calendar-sync", "claudecode", "openid email"),
    ("member1", "github", "github-mcp", "codex", "read:user"),
)


def allows() -> list[Plan]:
    """The allows without which the broker gives these components nothing."""
    components = sorted({component for _, _, component, _, _ in _USES})
    reason, instance = "reads what its manifest names", INSTANCES[0]
    return [
        Plan("operator", "mcp.allow", "mcp", name, "HIGH", reason, "approve", instance)
        for name in components
    ]


def run() -> dict[str, int]:
    """Take the decisions, answer the approvals, wait until each has ended; counts by outcome."""
    people = {name: Person(name) for name in PEOPLE}
    drop_malicious_skill(*_HELD)
    refuse_server()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(Person.sign_in, people.values()))
        phones = Phones()
        # What nobody will answer goes first: it expires while the rest is being answered. The pool
        # bounds how many wait at once, so that a slow machine does not let the others expire too.
        ordered = sorted(plans(), key=lambda plan: plan.answer != "ignore")
        waiting = pool.map(lambda plan: _carry_out(people[plan.who], phones, plan), ordered)
        approvals = [approval for approval in waiting if approval]
        allowed = [_carry_out(people["operator"], phones, plan) for plan in allows()]
    refused = {*_endings(people["operator"], [one for one in allowed if one])} - {"approved"}
    if refused:
        raise RuntimeError(f"the servers of the sample world were not allowed: {refused}")
    decide_on_finding(people["operator"], phones, *_DECIDED)
    use_connections(people)
    govern_accounts(people)
    outcomes = {"committed": DECISIONS - len(approvals)}
    for outcome in _endings(people["operator"], approvals):
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    return outcomes


def use_connections(people: dict[str, Person]) -> None:
    """Agents act for people: real exchanges at the broker; the tokens are dropped at once."""
    for name, connection, component, agent, scopes in _USES:
        person = people[name]
        _wait_for_inventory(person, connection)
        person.call(
            "GET",
            f"auth/token?connection={connection}",
            headers={"ATA-Skill": f"mcp:{component}", "ATA-Agent": agent, "ATA-Scopes": scopes},
        )


def _wait_for_inventory(person: Person, connection: str) -> None:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        known = person.call("GET", "connections")["items"]
        if any(one["connection"] == connection for one in known):
            return
        time.sleep(0.5)
    raise RuntimeError(f"{person.email}'s {connection} did not appear in the inventory")


def _wait_for_account(admin: Person, owner: str) -> dict[str, Any]:
    """An account of that person, once the comparison with the tenant has found it."""
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        known = admin.call("GET", "connections")["items"]
        if found := next((one for one in known if one["owner"]["email"] == owner), None):
            return dict(found)
        time.sleep(0.5)
    raise RuntimeError(f"no account of {owner} appeared in the inventory")


# Malicious skills that a gateway finds by itself: the gateway, its agent, the skill. Nobody
# answers the request about the first, so its hold stays.
_HELD = ("laptop-mia", "claudecode", "pdf-to-text")
_DECIDED = ("build-server", "claudecode", "log-shipper")


def drop_malicious_skill(gateway: str, agent: str, skill: str) -> None:
    """Put it where the gateway looks, as somebody who installs it would; once, also where an
    earlier start was interrupted."""
    home = home_of(env, gateway)
    if any(home.glob(f".*/skills/{skill}")):
        return
    command = [sys.executable, "-m", "demo.malicious_skill", "--home", str(home)]
    command += ["--agent", agent, "--name", skill]
    subprocess.run(command, cwd=BASE_DIR, check=True, capture_output=True)  # noqa: S603


def refuse_server() -> None:
    """Somebody adds an MCP server that reads credentials, and its gateway refuses it."""
    defenseclaw = home_of(env, "build-server") / "bin" / "defenseclaw"
    given = ["--command", "npx", "--args", "shadow-proxy --profile ~/.aws/credentials"]
    # It ends with 1 and the word BLOCKED.
    subprocess.run(  # noqa: S603
        [defenseclaw, "mcp", "set", "shadow-proxy", *given], check=False, capture_output=True
    )


def decide_on_finding(person: Person, phones: Phones, gateway: str, agent: str, skill: str) -> None:
    """Approve the request that a finding makes automatically."""
    drop_malicious_skill(gateway, agent, skill)
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        asked = person.call("GET", "approvals?limit=200")["items"]
        if found := next((one for one in asked if one["target"]["name"] == skill), None):
            one = person.call("GET", f"approvals/{found['id']}")
            if one["status"] == "pending":  # a slow machine may let it expire
                phones.answer(one["asked_sub"], one["binding_message"], "approve")
            return
        time.sleep(0.5)
    raise RuntimeError(f"nobody was asked about the skill {skill} that {gateway} found")


_IDLE_H = 14 * 24


def govern_accounts(people: dict[str, Person]) -> None:
    """A setting by which an unused account falls asleep, a frozen person, a review that is open."""
    admin, member = people["admin"], people["member1"]
    body = {"idle_h": _IDLE_H, "reason": "nobody needs Slack only once a month"}
    admin.call("PUT", "connections/settings/slack", body)
    ada = _wait_for_account(admin, "auditor@acme.example")["owner"]
    on_leave = "on leave: no agent acts for her until she is back"
    _decide(admin, "person.freeze", "person", ada["sub"], on_leave)
    review = str(uuid.uuid4())
    due = (datetime.now(UTC) + timedelta(days=5)).date().isoformat()
    params = {"title": "Accounts of agents, this quarter", "due": due, "reviewers": "owners"}
    _decide(admin, "review.open", "review", review, "quarterly review", params)
    mine = member.call("GET", f"reviews/{review}/accounts")["items"]
    answer = {"decision": "keep", "reason": "the release scripts need it"}
    member.call("POST", f"reviews/{review}/accounts/{mine[0]['id']}/decide", answer)


def _decide(
    person: Person, verb: str, kind: str, name: str, reason: str, params: object = None
) -> None:
    target = {"kind": kind, "name": name}
    body = {"verb": verb, "target": target, "reason": reason, "params": params or {}}
    person.call("POST", "decisions", body)


def _carry_out(person: Person, phones: Phones, plan: Plan) -> str:
    """Decide, and answer on the phone that is asked; the approval's id, empty when committed."""
    body = {
        "verb": plan.verb,
        "target": {"kind": plan.kind, "name": plan.name, "instance": plan.instance},
        "reason": f"DEMO: {plan.reason}" if env.DEMO else plan.reason,
        "severity": plan.severity,
        "params": {"new": True},  # no scan knows what the sample world decides about
    }
    answer = person.call("POST", "decisions", body)
    approval = str(answer.get("approval_id", ""))
    if approval and plan.answer != "ignore":
        found = person.call("GET", f"approvals/{approval}")
        phones.answer(found["asked_sub"], found["binding_message"], plan.answer)
        while person.call("GET", f"approvals/{approval}")["status"] == "pending":
            time.sleep(1)  # the worker asks the tenant once a second
    return approval


def _endings(person: Person, approvals: list[str]) -> Iterator[str]:
    until = time.monotonic() + _PATIENCE_S
    for approval in approvals:
        found = person.call("GET", f"approvals/{approval}")
        while found["status"] != "closed" and time.monotonic() < until:
            time.sleep(0.5)
            found = person.call("GET", f"approvals/{approval}")
        yield found["outcome"] or "still waiting"


if __name__ == "__main__":
    counts = run()
    print(", ".join(f"{n} {what}" for what, n in sorted(counts.items())))  # noqa: T201
    sys.exit(0)
