"""What scans find: invented findings, and the identifiers of everything."""

from __future__ import annotations

import uuid
from random import Random

from demo.history import invented_names
from demo.history.facts import RANK, AssetKind, Finding, Severity


def findings_for(kind: AssetKind, worst: Severity, rng: Random) -> tuple[Finding, ...]:
    """Invent what a scan finds in an asset whose worst finding is ``worst``."""
    if worst == "INFO":
        return ()
    rules = invented_names.RULES[kind]
    chosen = rng.sample(rules, k=rng.randint(1, min(3, len(rules))))
    lower: tuple[Severity, ...] = ("LOW", "MEDIUM") if RANK[worst] > RANK["MEDIUM"] else ("LOW",)
    location = {"skill": "SKILL.md", "mcp": "tools/list", "plugin": "manifest.json"}
    return tuple(
        Finding(
            id=make_uuid(rng),
            rule_id=rule_id,
            severity=worst if index == 0 else rng.choice(lower),
            title=title,
            description=description,
            location=location.get(kind, "command"),
            line=rng.randint(3, 240),
            remediation=remediation,
            tags=(tag,),
        )
        for index, (rule_id, title, description, remediation, tag) in enumerate(chosen)
    )


def make_uuid(rng: Random) -> str:
    """Return a version 4 UUID drawn from ``rng``."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))
