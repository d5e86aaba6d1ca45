"""Remote steps against what the gateways' own records show: each call counted at the host, the
files of skills where the decision says, the lists as the steps say."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from local.gateway.agents import folder_of
from torture.outposts.gateway_host import skill_file

type Said = Iterator[str]
ONCE = frozenset(
    {"enable", "restore", "quarantine", "api-enforce-unblock", "api-enforce-allow"}
    | {f"skill-{verb}" for verb in ("enable", "restore", "quarantine")}
)
"""Calls that relax or move files, as the host counts them and as the gateway logs them; no
component is named in two decisions of a kind."""
_NOT_REPEATED = frozenset({"interrupted", "not_applied", "gateway_down"})


def executed(journal: Mapping[str, Any], counts: Counter[str]) -> Said:
    """What relaxes or moves files and ran twice; `counts` gets how often each ran."""
    for instance, host in journal["hosts"].items():
        home = Path(host["home"])
        calls = [line.split() for line in (home / "executed.log").read_text().splitlines()]
        found = [(words[2], words[3]) for words in calls]
        with closing(sqlite3.connect(home / ".defenseclaw" / "audit.db")) as db:
            found += db.execute("SELECT action, coalesce(target, '') FROM audit_events").fetchall()
        ours = [one for one in found if one[1] in journal["decisions"]]
        counts.update(Counter(f"ran {verb}" for verb, _ in ours if verb in ONCE))
        yield from (f"{instance}: {words}" for words in repeated(found))


def repeated(found: list[tuple[str, str]]) -> Said:
    """What relaxes or moves files and was carried out twice for one decision."""
    for (verb, name), count in Counter(found).items():
        if verb in ONCE and count > 1:
            yield f"{verb} {name} was carried out {count} times"


def steps(journal: Mapping[str, Any], counts: Counter[str]) -> Said:
    """Each remote step ended, the gateway's lists are as it says, and so are the files."""
    from approvals.models import Effect
    from enforcement.models import OutpostCommand

    for host in journal["hosts"].values():
        with closing(sqlite3.connect(Path(host["home"]) / ".defenseclaw" / "audit.db")) as db:
            found = db.execute("SELECT target_name, actions_json FROM actions").fetchall()
        host["held"] = {name for name, actions in found if json.loads(actions)}
    codes = {pk: one.get("code") for pk, one in OutpostCommand.objects.values_list("pk", "result")}
    states = {(step.kind, step.target_name): step for step in Effect.objects.all()}
    for (kind, name), step in states.items():
        counts[f"{kind} {step.state}"] += 1
        if step.state not in ("done", "failed"):
            yield f"{kind} of {name} is {step.state}: {step.detail}"
            continue
        # What was killed in the middle is not made again, and the step has to say so.
        excused = name in journal["interrupted"] and codes.get(step.pk) in _NOT_REPEATED
        if step.state == "failed" and name in journal["decisions"] and not excused:
            yield f"{kind} of {name} failed ({codes.get(step.pk)}): {step.detail}"
    for name, said in journal["decisions"].items():
        host = journal["hosts"][said["instance"]]
        held = name in host["held"]
        released = states.get(("gateway.release", name))
        placed = states.get(("gateway.hold", name))
        if released is not None and released.state == "done" and held:
            yield f"{name} was released, and its hold stands"
        if released is None and placed is not None and placed.state == "done" and not held:
            yield f"{name} is on hold, and the gateway has no entry"
        if said["verb"].startswith("skill."):
            last = released or placed
            moved = None if last is None or last.state != "done" else released is None
            moved = False if said["strength"] == "disable" else moved
            yield from files(host, name, moved)


def files(host: Mapping[str, Any], name: str, moved: bool | None) -> Said:
    """The skill is whole in one place: in quarantine where it was `moved` there, else with its
    agent; None where a step failed, or is pending, and either is right."""
    home = Path(host["home"])
    lies = [*(home / ".defenseclaw" / "quarantine").rglob(f"{name}/SKILL.md")]
    there = folder_of(home, host["agent"], "skill") / name / "SKILL.md"
    whole = [one for one in (there, *lies) if one.exists() and one.read_text() == skill_file(name)]
    if len(whole) != 1:
        yield f"{name}: {len(whole)} whole copies of its files"
    elif moved is not None and moved != (whole[0] != there):
        yield f"{name}: its files are {'not ' if moved else ''}in quarantine"
