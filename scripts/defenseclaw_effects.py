"""Write docs/defenseclaw.md: what a block, a disable and an allow stop, by generation and agent.

`python -m scripts.defenseclaw_effects` writes the file from `enforcement.effects`; a test checks
that the file is what the function concludes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from enforcement.effects.conclude_effect import Summary, conclude_for
from enforcement.effects.gateway_facts import (
    HEAD,
    V020,
    V084,
    Agent,
    Entry,
    GatewayFacts,
    agent_label,
)
from enforcement.effects.sentences import LABELS, in_words
from enforcement.effects.ways_of_use import OF_OBSERVED_AGENTS

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs/defenseclaw.md"
_TITLES: Final = {V020: "0.2.0", V084: "0.8.4", HEAD: "HEAD (after 0.8.4)"}
_NOUNS: Final = {"skill": "Skill", "mcp": "MCP server", "plugin": "Plugin", "tool": "Tool"}
_HEAD: Final = """# What DefenseClaw does with a decision

Written by `python -m scripts.defenseclaw_effects` from `enforcement/effects`. A test compares the
same function with what real gateways answered (`tests/gateways/observed`).

*Block* and *allow* are entries for all agents, as this portal sends them over REST. *Disable* is
`defenseclaw skill disable` or `plugin disable`, run on the host. A gateway watches the folders of
its first agent only: *at the next install or rename* holds for that one, and for another agent a
block of a skill or plugin is *recorded only*. *Open*: nothing restricts it. *Every rule off*: no
rule of DefenseClaw is applied to the tool any more. *–*: there is no such act. An agent's own
entry at the gateway counts before the one for all agents. An MCP server or a tool is matched by
its exact name only: a link (`mcp://agent/name`), an address, another case or the copy inside a
plugin is never matched. 0.8.4 and HEAD never match an MCP server whose name has two underscores
in a row or one at its end (read in their source, not observed).
"""
_TAIL: Final = """
## Where the portal does not know

- Without `audit_db` it reads only the block and allow lists: whether something is disabled or in
  quarantine, and for which agent an entry is, is then *unknown*.
- An entry keeps its mark of a quarantine after an unblock, an allow and a restore. Files that are
  only marked are *unknown*. They count as gone where a block still stands and, on HEAD, the record
  of the quarantine is there; on older ones, where the audit log has no unblock, allow or restore
  since.
- An outpost reports which files lie in quarantine. A mark without them counts for nothing. Files
  that lie there without a block and a mark are *unknown*: they may have been installed again.
- HEAD leaves a blocked skill or plugin in the folder that an entry names, also when that is created
  again: a block on its command line and a restore leave such an entry. Without `audit_db` or an
  outpost the portal does not see it.
- What a gateway that was not read for more than a minute does now: all of it is *unknown*, with
  the time at which it was last read. So it is where only an outpost reads it and that one is
  suspended or contested, or did not report for three minutes.
- Whether an agent's hook is still installed is read only on the host.
- OpenClaw with 0.8.4 or HEAD, and Cursor and Gemini CLI with 0.8.4, were never observed.
- A session that loaded a skill before its files were moved may go on using what it read.

## Changes that leave no row

The portal [finds changes without a decision](operators.md#at-the-terminal-of-a-gateway) by their
rows. What leaves none is seen only as another setting than the approved one, where the gateway or
an outpost reports it:

- 0.8.4: destinations and webhooks that are disabled, enabled or removed, and trusted paths. Only
  adding one leaves a row.
- HEAD: trusted paths, and the hooks of the judge (the gateway refuses that row). A destination or
  webhook that is changed leaves a row that does not say how: it counts as relaxing.
- All: `config.yaml` edited by hand. An edited policy leaves a row on 0.8.4 and HEAD, and none on
  0.2.0. Hooks taken out of an agent's settings leave one within seconds, and the gateway puts
  them back; it does not while it is down.
- A command that fails, or that finds it so already, leaves none: HEAD's command line also when its
  gateway is down, after the change was made.
- A gateway that somebody starts with `DEFENSECLAW_RUN_ID` writes it into all its later rows, and on
  HEAD into those of its command line. A tag counts once, so such rows are found all the same.

## What the portal does not send

- An allow where a disable for all agents stands, on 0.8.4 and HEAD: the gateway answers after 88
  seconds with HTTP 502 and changes nothing. On the host, `defenseclaw skill enable NAME` ends the
  disable; then allow it again here.
- A block or hold of a skill or plugin at a 0.2.0 that has `take_action` on and was never
  connected to OpenClaw: the gateway process would end when it next acts on it.
"""


def effect_cell(generation: str, kind: str, agent: str, entry: Entry, mode: str) -> str:
    """One cell of a table: the summary, and what stays open or unknown."""
    one = Agent(agent, mode, watched=True, hook=True, files="present")
    facts = GatewayFacts(generation, kind, "name", (entry,), (one,))
    effect = conclude_for(facts, one)
    label = LABELS[effect.summary]
    if effect.summary != Summary.STOPPED_IN_PART:
        return label
    still = ", ".join(f"{way.way.words} {way.state}" for way in effect.not_stopped)
    return f"{label}: {still}"


def table(generation: str) -> str:
    """What was observed of one generation."""
    lines = [
        "| thing | agent | ways of use | block in action | block in observe | disable | allow |",
        "|---|---|---|---|---|---|---|",
    ]
    for (of, kind, agent), ways in OF_OBSERVED_AGENTS.items():
        if of != generation:
            continue
        block, allow = Entry("name", "", "block"), Entry("name", "", "allow")
        cells = [
            _NOUNS[kind],
            agent_label(agent),
            ", ".join(way.words for way in ways),
            effect_cell(of, kind, agent, block, "action"),
            effect_cell(of, kind, agent, block, "observe"),
            effect_cell(of, kind, agent, Entry("name", runtime="disable"), "observe")
            if kind in {"skill", "plugin"}
            else "–",
            effect_cell(of, kind, agent, allow, "action"),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def managed() -> str:
    """What managed_enterprise changes on HEAD."""
    said = {}
    for kind, entry in (
        ("mcp", Entry("name", "", "block")),
        ("tool", Entry("name", "", "block")),
        ("skill", Entry("name", runtime="disable")),
    ):
        one = Agent("claudecode", "action", watched=True, hook=True, files="present")
        facts = GatewayFacts(HEAD, kind, "name", (entry,), (one,), managed=True)
        said[kind] = in_words([conclude_for(facts, one)])[0]
    return (
        "With `managed_enterprise`:\n\n"
        f"- block of an MCP server: {said['mcp']}\n"
        f"- block of a tool: {said['tool']}\n"
        f"- disable of a skill: {said['skill']}"
    )


def page() -> str:
    """The whole document."""
    parts = [_HEAD]
    for generation, title in _TITLES.items():
        parts.append(f"\n## {title}\n\n{table(generation)}\n")
    parts.append(f"\n{managed()}\n")
    parts.append(_TAIL)
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
