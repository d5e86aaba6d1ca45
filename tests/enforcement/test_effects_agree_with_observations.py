"""The effect function says what real gateways did, for every recorded probe.

Each row of tests/gateways/observed has an act, the entries after it and what was seen then. What
was asked of a hook, of `inspect/tool` or of the folders is compared way by way; the word for the
effect with the summary. Rows in `NOT_COMPARED` say why they are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest

from enforcement.effects.conclude_effect import State, Summary, WayState, conclude_for
from enforcement.effects.gateway_facts import HEAD, V020, V084, Agent, Entry, GatewayFacts

OBSERVED: Final = Path(__file__).resolve().parents[1] / "gateways/observed"
GENERATION: Final = {"A": V020, "B": V084, "C": HEAD}
AGENTS: Final = ("claudecode", "codex", "cursor", "geminicli", "openclaw")
NOT_COMPARED: Final = {
    "has no entries": "the row does not record the entries after the act",
    "lacks agent rows": "entries of one agent about a tool are missing from the row, as it notes",
    "asks the gateway": "it is about a crash or a busy database, not about a use",
    "several acts": "the row sums up several acts whose entries in between are not recorded",
    "path-pinned allow": "an allow with a source path of another folder is not modelled",
    "scanner failure": "a scanner that fails quarantines on 0.8.4 whatever the entries say",
    "no OpenClaw": "OpenClaw was not running: what its calls look like to 0.8.4 is not known",
    "scoped name": "a call with the scope in its name was sent, which OpenClaw does not send",
}


@dataclass(frozen=True)
class Probe:
    """One answer that was seen about a `way` of `agent`: allow, block or would block."""

    agent: str
    way: str
    answer: str
    thing: str = ""


def rows() -> list[tuple[str, Mapping[str, Any]]]:
    found = []
    for file in sorted(OBSERVED.glob("*.jsonl")):
        for number, line in enumerate(file.read_text().splitlines(), start=1):
            found.append((f"{file.stem}:{number}", json.loads(line)))
    return found


ROWS: Final = rows()
IDS: Final = [name for name, _ in ROWS]


def entries_of(row: Mapping[str, Any]) -> tuple[Entry, ...] | None:
    noted = row.get("entries_after_folder", row.get("entries_after"))
    if noted is None and (row["act"], row["via"]) == ("block", "rest"):
        return (Entry(row["name_sent"], "", "block"),)  # the entry that the act writes
    if noted is None:
        return None
    return tuple(
        Entry(
            one["name"].removeprefix(f"{row['kind']}:"),
            one.get("connector", ""),
            one.get("install") or "",
            one.get("file") or "",
            one.get("runtime") or "",
        )
        for one in noted
        if isinstance(one, dict) and not one.get("name", "").startswith(other_kinds(row["kind"]))
    )


def other_kinds(kind: str) -> tuple[str, ...]:
    return tuple(f"{one}:" for one in ("skill", "mcp", "plugin", "tool") if one != kind)


def facts_of(row: Mapping[str, Any], agent: str, name: str) -> tuple[GatewayFacts, Agent]:
    mode = str(row.get("mode") or "")
    primary = row.get("watcher_primary") or agent.partition("-")[0]
    if row["generation"] == "C":
        primary = "claudecode"
    one = Agent(agent, mode.partition("+")[0] or None, watched=agent == primary)
    facts = GatewayFacts(
        GENERATION[row["generation"]],
        row["kind"],
        name,
        entries_of(row),
        (one,),
        managed="managed" in mode,
    )
    return facts, one


def answer_in(text: str) -> str:
    if "would_block" in text or "would block" in text:
        return "would block"
    return "block" if re.match(r"(200 )?block", text) else "allow"


_WAYS_OF_C: Final = {
    ("skill", "claudecode"): "skill_tool",
    ("skill", "claudecode-slash"): "slash_command",
    ("skill", "codex"): "named_prompt",
    ("skill", "cursor"): "use",
    ("skill", "geminicli"): "use",
    ("plugin", "claudecode-slash"): "slash_command",
    ("plugin", "codex"): "use",
    ("plugin", "cursor"): "use",
    ("plugin", "geminicli"): "use",
}


def probes_of(row: Mapping[str, Any]) -> list[Probe]:
    """What the row saw of uses; empty where it saw none."""
    after, kind = row.get("probe_after"), row["kind"]
    if isinstance(after, dict) and row["generation"] == "C":
        return list(_probes_of_head(kind, after, row["name_sent"]))
    if not isinstance(after, str):
        return []
    asked = str(row.get("probe", ""))
    agent = row["agent"] if row["generation"] == "B" else "openclaw"
    first = re.split(r" \| |, ", after)[0]
    if after == "blocked for: none":
        return [Probe(one, "tool_call", "allow", "github") for one in AGENTS[:4]]
    if match := re.search(r"inspect/tool(?: tool=(\S+))?", asked):
        return list(_inspected(row, agent, match[1] or row["name_sent"], first))
    if match := re.match(r"hook PreToolUse mcp__(?P<server>\w+?)__\w+", asked):
        if kind == "mcp":
            return [Probe(agent, "tool_call", answer_in(first), match["server"])]
        return [Probe(agent, "tool_call", answer_in(first), row["name_sent"])]
    if re.match(r"hook PreToolUse Bash (ls|/)", asked):
        return [Probe(agent, "tool_call", answer_in(first), _tool_asked(row, after))]
    for way, pattern in _HOOKS:
        if re.match(pattern, asked):
            return [Probe(agent, way, answer_in(first), row["name_sent"])]
    return []


_HOOKS: Final = (
    ("skill_tool", r"hook (PreToolUse )?Skill"),
    ("slash_command", r"hook UserPromptExpansion slash_command source=plugin"),
    ("files", r"hook .*SKILL\.md"),
)


def _tool_asked(row: Mapping[str, Any], after: str) -> str:
    """The tool of the call: for a short name the agent sends the whole one."""
    if "agent sends" in after:
        return "mcp__github__create_issue"
    return "Bash" if row["name_sent"].startswith("@") else str(row["name_sent"])


def _inspected(row: Mapping[str, Any], agent: str, tool: str, after: str) -> Iterator[Probe]:
    answer = answer_in(after)
    if row["generation"] == "A":
        if answer == "block" and "mode=observe" in after:
            answer = "would block"  # the extension obeys in action mode only
        if row["kind"] in {"tool", "mcp"}:
            yield Probe(agent, "tool_call", answer, "github" if row["kind"] == "mcp" else tool)
    elif row["kind"] == "tool":
        yield Probe(agent, "tool_call", answer, tool)


def _probes_of_head(kind: str, after: Mapping[str, Any], name: str) -> Iterator[Probe]:
    for asked, said in after.items():
        agent = asked.partition("-")[0]
        if agent not in AGENTS:
            continue
        way = "tool_call" if kind in {"mcp", "tool"} else _WAYS_OF_C.get((kind, asked))
        if way:
            yield Probe(agent, way, answer_in(str(said)), name)


def said_by_function(state: WayState | None) -> str:
    if state is None:
        return "no such way"
    if state.state == State.UNKNOWN:
        return "unknown"
    if state.state == State.STOPPED:
        return "block"
    return "would block" if state.would_block else "allow"


def why_not_compared(row: Mapping[str, Any]) -> str:
    note = str(row.get("note", ""))
    if entries_of(row) is None:
        return "has no entries"
    if "per-agent tool entries" in note:
        return "lacks agent rows"
    if row["kind"] == "gateway":
        return "asks the gateway"
    if "path-pinned allow" in note:
        return "path-pinned allow"
    if "scanner failure" in note:
        return "scanner failure"
    if "OpenClaw itself not running" in note:
        return "no OpenClaw"
    if "tool=filesystem/delete_file" in str(row.get("probe")):
        return "scoped name"
    if "after REST unblock and REST allow" in str(row.get("probe")) or "then REST block again" in (
        str(row.get("probe"))
    ):
        return "several acts"
    return ""


@pytest.mark.parametrize(("name", "row"), ROWS, ids=IDS)
def test_the_function_answers_as_the_hook_did(name: str, row: Mapping[str, Any]) -> None:
    if why_not_compared(row):
        return
    for probe in probes_of(row):
        facts, agent = facts_of(row, probe.agent, probe.thing)
        # A hook knows nothing of the files: compared as if they were there.
        ways = conclude_for(facts, replace(agent, files="present")).ways
        said = said_by_function(next((w for w in ways if w.way.code == probe.way), None))
        assert said == probe.answer, (probe, facts.entries, row["probe_after"])


SUMMARIES: Final = (
    ("stops at next install", {Summary.AT_NEXT_INSTALL}),
    ("quarantined at next create/rename", {Summary.AT_NEXT_INSTALL}),
    ("would block (observe)", {Summary.ONLY_IN_ACTION_MODE}),
    ("stops now", {Summary.STOPPED, Summary.STOPPED_IN_PART}),
    (
        "recorded only",
        {
            Summary.RECORDED_ONLY,
            Summary.AT_NEXT_INSTALL,
            Summary.OPEN,
            Summary.UNKNOWN,
            Summary.RULES_OFF,
        },
    ),
    ("nothing: a scoped name never", {Summary.OPEN, Summary.RECORDED_ONLY}),
    ("tool answers allow again", {Summary.OPEN, Summary.RULES_OFF}),
)


@pytest.mark.parametrize(("name", "row"), ROWS, ids=IDS)
def test_the_summary_agrees_with_the_effect_that_was_noted(
    name: str, row: Mapping[str, Any]
) -> None:
    allowed = next((found for text, found in SUMMARIES if row["effect"].startswith(text)), None)
    agent = row["agent"] if row["generation"] == "B" else "openclaw"
    if why_not_compared(row) or allowed is None or row["generation"] == "C":
        return
    probed = [one.thing for one in probes_of(row)]
    facts, one = facts_of(row, agent, probed[0] if probed else row["name_sent"])
    if row["act"] == "quarantine":  # its mark alone is not enough: the row also saw the files
        one = replace(one, files={"moved": "quarantined", "kept": "present"}[row["files_after"]])
    effect = conclude_for(facts, one)
    assert effect.summary in allowed, (effect, facts.entries, row.get("note"))


def test_most_rows_that_saw_a_use_are_compared() -> None:
    compared = [name for name, row in ROWS if probes_of(row) and not why_not_compared(row)]
    left = [name for name, row in ROWS if probes_of(row) and why_not_compared(row)]
    assert len(compared) >= 300 and len(left) <= 20, (len(compared), len(left), left)
    assert {why_not_compared(row) for _, row in ROWS if why_not_compared(row)} <= set(NOT_COMPARED)
