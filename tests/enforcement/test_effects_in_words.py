"""What a decision does at a gateway, in sentences, and names that no call carries."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enforcement.effects.conclude_effect import Summary, conclude
from enforcement.effects.gateway_facts import HEAD, V020, V084, Agent, Entry, GatewayFacts
from enforcement.effects.names_that_match_nothing import meant_name, why_it_matches_nothing
from enforcement.effects.sentences import in_words

CLAUDE = Agent("claudecode", "action", watched=True)
CODEX = Agent("codex", "action", watched=False)
CURSOR = Agent("cursor", "action", watched=False)


def at_head(
    kind: str, *entries: Entry, agents: tuple[Agent, ...] = (CLAUDE, CODEX, CURSOR)
) -> GatewayFacts:
    return GatewayFacts(HEAD, kind, "github", entries, agents)


def test_a_disabled_skill_is_stopped_but_for_its_files_and_for_cursor() -> None:
    said = in_words(conclude(at_head("skill", Entry("github", runtime="disable"))))
    assert said == [
        "Stopped for Claude Code's Skill tool and slash command; its files can still be read.",
        "Stopped for Codex's prompt that names it ($name); its files can still be read.",
        "Not stopped for Cursor: it is disabled there, which this agent is not asked about.",
    ]


def test_a_blocked_server_is_not_stopped_for_an_agent_that_does_not_name_it() -> None:
    said = in_words(conclude(at_head("mcp", Entry("github", install="block"))))
    assert said[1:] == [
        "Stopped for Codex.",
        "Not stopped for Cursor: its call carries no server name that DefenseClaw matches "
        "(documented form, never recorded).",
    ]


def test_an_own_allow_of_one_agent_wins_over_the_block_for_all() -> None:
    entries = (Entry("github", install="block"), Entry("github", "codex", "allow"))
    claude, codex, _ = conclude(at_head("mcp", *entries))
    assert (claude.summary, codex.summary) == (Summary.STOPPED_IN_PART, Summary.OPEN)


def test_a_block_of_a_skill_moves_it_only_in_the_folders_that_are_watched() -> None:
    claude, codex, _ = conclude(at_head("skill", Entry("github", install="block")))
    assert (claude.summary, codex.summary) == (Summary.AT_NEXT_INSTALL, Summary.RECORDED_ONLY)
    assert codex.why == "the gateway does not watch its folders"


@pytest.mark.parametrize(
    "entries",
    [
        (Entry("github", install="block", path="~/.claude/skills/github"),),
        # After a restore the agent's own entry is empty, and names the folder.
        (
            Entry("github", install="block"),
            Entry("github", "claudecode", path="~/.claude/skills/x"),
        ),
    ],
)
def test_head_keeps_a_blocked_skill_in_the_folder_that_an_entry_names(
    entries: tuple[Entry, ...],
) -> None:
    claude, *_ = conclude(at_head("skill", *entries))
    assert claude.summary == Summary.RECORDED_ONLY
    assert "keeps the folder that its entry names" in in_words([claude])[0]
    [older] = conclude(replace(at_head("skill", *entries, agents=(CLAUDE,)), generation=V084))
    assert older.summary == Summary.AT_NEXT_INSTALL


def test_a_folder_of_another_agent_or_of_a_quarantine_keeps_nothing() -> None:
    for entry in (
        Entry("github", install="block", path="~/.codex/skills/github"),
        Entry("github", install="block", file="quarantine", recorded=False, path="/x/.claude/y"),
    ):
        claude, *_ = conclude(at_head("skill", entry))
        assert claude.why != "the gateway keeps the folder that its entry names", entry
        assert claude.summary != Summary.RECORDED_ONLY, entry


def test_what_could_not_be_read_is_unknown_and_never_open() -> None:
    listed = Entry("github", install="", file=None, runtime=None)
    [skill] = conclude(at_head("skill", listed, agents=(CLAUDE,)))
    assert skill.summary == Summary.UNKNOWN
    [unread] = conclude(replace(at_head("mcp", agents=(CLAUDE,)), entries=None))
    assert unread.summary == Summary.UNKNOWN and "not read" in unread.why
    [no_mode] = conclude(
        at_head("tool", Entry("github", install="block"), agents=(Agent("codex"),))
    )
    assert no_mode.summary == Summary.UNKNOWN
    [other] = conclude(replace(at_head("mcp", agents=(CLAUDE,)), generation=""))
    assert other.summary == Summary.UNKNOWN and "generation" in other.why


def test_a_hook_that_is_not_installed_stops_nothing() -> None:
    without = replace(CODEX, hook=False)
    [effect] = conclude(at_head("tool", Entry("github", install="block"), agents=(without,)))
    assert effect.summary == Summary.RECORDED_ONLY and effect.why.startswith(
        "its hook is not installed"
    )


def test_an_allowed_tool_is_said_to_have_every_rule_off() -> None:
    allowed = Entry("github", install="allow")
    [effect] = conclude(at_head("tool", allowed, agents=(CODEX,)))
    assert effect.summary == Summary.RULES_OFF
    assert "every DefenseClaw rule is switched off for this tool" in in_words([effect])[0]
    [older] = conclude(replace(at_head("tool", allowed, agents=(CODEX,)), generation=V020))
    assert older.summary == Summary.OPEN


MARKED = "it is only marked as quarantined there, and its files may be back"


@pytest.mark.parametrize("recorded", [True, None])
def test_files_that_are_gone_and_blocked_leave_nothing_to_use(recorded: bool | None) -> None:
    moved = Entry("github", "", "block", file="quarantine", recorded=recorded)
    [effect] = conclude(at_head("skill", moved, agents=(CLAUDE,)))
    assert effect.summary == Summary.STOPPED


@pytest.mark.parametrize(
    "entry",
    [
        Entry("github", "", "allow", file="quarantine", recorded=True),
        Entry("github", "", "", file="quarantine"),
        Entry("github", "claudecode", "", file="quarantine"),
        Entry("github", "", "block", file="quarantine", recorded=False),
    ],
    ids=["allowed since", "unblocked since", "never blocked", "restored"],
)
@pytest.mark.parametrize("kind", ["skill", "plugin"])
def test_a_mark_of_quarantine_alone_proves_nothing(kind: str, entry: Entry) -> None:
    said = in_words(conclude(at_head(kind, entry, agents=(CLAUDE,))))
    assert said == [f"Not known for Claude Code: {MARKED}."]


LIES = "its files are in quarantine there, and may have been installed again since"


@pytest.mark.parametrize("kind", ["skill", "plugin"])
def test_files_that_lie_in_quarantine_are_said_to_be_there(kind: str) -> None:
    """Also without an entry: one that somebody deleted leaves the files where they are."""
    entry = Entry("github", "", "block")
    for agents, said in [
        ({"claudecode"}, [LIES, "no entry there restricts it"]),
        ({""}, [LIES, "no entry there restricts it"]),
        ({"codex"}, ["no entry there restricts it", LIES]),
    ]:
        facts = replace(at_head(kind, agents=(CLAUDE, CODEX)), in_quarantine=frozenset(agents))
        assert [one.why for one in conclude(facts)] == said
        blocked = replace(facts, entries=(entry,))
        [of_claude, _] = conclude(blocked)
        assert of_claude.summary == (
            Summary.AT_NEXT_INSTALL if agents == {"codex"} else Summary.UNKNOWN
        )


def test_a_disable_beside_a_mark_of_quarantine_stops_what_it_stops() -> None:
    entry = Entry("github", "", "block", "quarantine", "disable", recorded=False)
    assert in_words(conclude(at_head("skill", entry, agents=(CLAUDE,)))) == [
        "Stopped for Claude Code's Skill tool and slash command; whether its files can be read is "
        "not known."
    ]


def test_a_preview_sets_the_entry_for_all_agents_and_keeps_the_others() -> None:
    own = Entry("github", "codex", "allow")
    before = at_head("mcp", Entry("github", install="allow", runtime="disable"), own)
    after = before.with_install("block")
    assert after.entries == (own, Entry("github", install="block", runtime="disable"))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("mcp://codex/github", "github"),
        ("https://mcp.github.com/sse", ""),
        ("mcp__github__create_issue", "github"),
        ("mcp__github", "github"),
        ("plugin_dev_github", "github"),
        ("my server", "my_server"),
        ("github ", "github"),
    ],
)
def test_a_name_that_no_call_carries_is_known_and_the_exact_one_offered(
    name: str, meant: str
) -> None:
    assert why_it_matches_nothing(V084, "mcp", name)
    assert meant_name("mcp", name, ["github", "my_server", name]) == meant


def test_another_case_and_a_short_name_of_a_tool_lead_to_the_exact_name() -> None:
    assert meant_name("mcp", "GitHub", ["github"]) == "github"
    assert meant_name("tool", "bash", ["Bash"]) == "Bash"
    assert meant_name("tool", "create_issue", ["mcp__github__create_issue"]) == (
        "mcp__github__create_issue"
    )
    assert why_it_matches_nothing(V084, "mcp", "github") == ""
    assert why_it_matches_nothing(V020, "tool", "github/delete") != ""
    assert why_it_matches_nothing(HEAD, "tool", "mcp__github__create_issue") == ""


@pytest.mark.parametrize("name", ["a__b", "a_", "a___b", "__a", "a__", "_"])
@pytest.mark.parametrize("generation", [V084, HEAD])
def test_a_block_of_a_server_that_is_cut_short_at_two_underscores_stops_nothing(
    generation: str, name: str
) -> None:
    blocked = GatewayFacts(generation, "mcp", name, (Entry(name, "", "block"),), (CLAUDE, CODEX))
    why = "DefenseClaw ends a server's name at two underscores, and finds another in the call"
    assert in_words(conclude(blocked)) == [f"Not stopped for Claude Code and Codex: {why}."]
    assert why_it_matches_nothing(generation, "mcp", name) == why


@pytest.mark.parametrize("name", ["_a", "a_b", "a_b_c"])
def test_a_server_with_single_underscores_is_found_in_calls(name: str) -> None:
    assert why_it_matches_nothing(HEAD, "mcp", name) == ""
