"""What each act text of the observations means in calls: this one file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tests.gateways import act_steps as steps
from tests.gateways.act import REASON, Act, Status
from tests.gateways.observations import Observation


def act_of(observation: Observation) -> Callable[[Act], Status]:
    """Return what performs an observation's act: some need more than their text says."""
    if observation.generation == "0.8.4" and observation.name == "srvclean":
        return steps.allow_configured
    if observation.name == "K*":
        return steps.block_while_killed
    if "watcher writes" in observation.text("effect") and observation.act == "restore":
        return steps.restore_before_the_watcher
    if "queued for scan" in observation.text("present"):
        return steps.block_while_queued
    if "new clean folder" in observation.probe and observation.via == "rest":
        return steps.block_and_drop if observation.act == "block" else steps.allow_and_drop
    return perform


def perform(act: Act) -> Status:
    """Do what the observation says; raises KeyError for a text that is not mapped."""
    text = act.observation.act
    if text in _TABLE:
        return _TABLE[text](act)
    via = act.observation.via
    if via == "rest":
        return _REST[text](act)
    if via.startswith("cli"):
        return _command(act, text, via)
    raise KeyError(text)


# Lists over REST and the same acts on the command line

_REST: Final[Mapping[str, Callable[[Act], Status]]] = {
    "block": lambda act: act.enforce("POST", "block"),
    "block again": lambda act: (act.enforce("POST", "block"), act.enforce("POST", "block"))[1],
    "allow": lambda act: act.enforce("POST", "allow"),
    "unblock": lambda act: act.enforce("DELETE", "block"),
    "disable": lambda act: _runtime(act, "disable"),
    "enable": lambda act: _runtime(act, "enable"),
    "disable (REST /skill/disable)": lambda act: _runtime(act, "disable"),
    "scan (held)": lambda act: _scan_over_rest(act),
    "GET /health": lambda act: act.rest("GET", "/health"),
    "GET /tools/catalog": lambda act: act.rest("GET", "/tools/catalog"),
    "POST /plugin/disable": lambda act: act.rest("POST", "/plugin/disable", {"pluginName": "p"}),
    "POST /config/patch": lambda act: act.rest(
        "POST", "/config/patch", {"path": "skills.entries.x.enabled", "value": False}
    ),
    "40 parallel blocks": lambda act: _parallel_blocks(act),
}
_WORDS_OF_COMMANDS: Final = {
    "scan (held)": ["scan"],
    "scan (allowed)": ["scan"],
    "install (held)": ["install"],
    "install": ["install"],
    "skill scan (malicious, on disk)": ["scan"],
    "skill scan --remote": ["scan", "--remote"],
    "restore --path": ["restore"],
}


def _runtime(act: Act, verb: str) -> Status:
    key = "pluginName" if act.kind == "plugin" else "skillKey"
    return act.rest("POST", f"/{act.kind}/{verb}", {key: act.name})


def _scan_over_rest(act: Act) -> Status:
    return act.rest("POST", f"/v1/{act.kind}/scan", {"target": str(act.folder), "name": act.name})


def _command(act: Act, text: str, via: str) -> Status:
    """A verb of `defenseclaw skill|plugin|mcp|tool`, with the agent that `via` names."""
    verb, *options = _WORDS_OF_COMMANDS.get(text, text.split())
    if verb not in _VERBS:
        raise KeyError(text)
    name = act.name
    if text.startswith("block --source"):
        name = act.name.rpartition("/")[2]
    if text == "restore --path":
        options += ["--path", str(act.folder)]
    if verb in ("block", "quarantine") or (verb in ("allow", "disable") and _has_reason(act)):
        options += ["--reason", act.reason]
    options += via.split()[1:]
    return act.cli(act.kind, verb, name, *options)


_VERBS: Final = frozenset(
    {"block", "allow", "unblock", "disable", "enable", "quarantine", "restore", "scan", "install"}
)


def _has_reason(act: Act) -> bool:
    """Whether a reason was given: the tool writes its own otherwise."""
    return act.kind != "mcp" and not re.match(r"conformance|manual", act.reason)


def _parallel_blocks(act: Act) -> Status:
    def block(number: int) -> int:
        body = {"target_type": "tool", "target_name": f"t{number}", "reason": REASON}
        return act.peer.rest("POST", "/enforce/block", body).status

    with ThreadPoolExecutor(40) as threads:
        statuses = list(threads.map(block, range(40)))
    return 500 if 500 in statuses else max(statuses)


_TABLE: Final[Mapping[str, Callable[[Act], Status]]] = {
    "new folder dropped": steps.drop,
    "(new folder with global block + per-agent allow)": steps.do_nothing,
    "(new clean folder)": steps.drop,
    "(new malicious folder)": steps.drop,
    "(new clean folder, scanner exits 1)": steps.drop,
    "automatic (new malicious folder)": steps.drop,
    "automatic (new malicious folder in ~/.codex/skills, claudecode is primary connector)":
        steps.drop,
    "dropped; OPA policies copied to policies/ by hand": steps.drop,
    "plugin dropped, no defenseclaw-plugin-scanner in PATH": steps.drop,
    "clean skill held over REST beforehand is dropped, take_action on, OpenClaw never connected":
        steps.drop_and_see_the_end,
    "file written, folder touched, subfolder made inside the held skill": steps.touch,
    "(touch, edit SKILL.md, add file to held skill)": steps.touch,
    "touch SKILL.md": steps.touch,
    "renamed away and back (update)": steps.rename_and_back,
    "(held skill renamed away and back)": steps.rename_and_back,
    "(held skill removed and copied again)": steps.put_again,
    "rename away": steps.rename_away,
    "rename back (update)": steps.rename_away_and_back,
    "after restore": steps.after_restore,
    "after restore of the allowed": steps.after_restore,
    "restore after unblock": steps.after_restore,
    "gateway started": steps.wait_a_while,
    "held skill dropped while the watcher scans another (8 s)": steps.drop_behind_a_scan,
    "folder made, malicious files copied in 2 s later": steps.drop_slowly,
    "symlink to a folder dropped": steps.drop_link,
    "symlink to a folder dropped, name blocked beforehand": steps.drop_link,
    "second version quarantined under the same name, unblock, restore --path":
        steps.quarantine_twice,
    "skill install --action (malicious; skill_actions.critical quarantine+disable+block, OpenClaw "
    "not connected)": steps.install_from_clawhub,
    "mcp set (scan finds HIGH)": steps.set_poisoned_server,
    "mcp set --skip-scan after allow": steps.set_server_unscanned,
    "mcp set --skip-scan (blocked)": steps.set_server_unscanned,
    "install (mcp set)": steps.set_server,
}  # fmt: skip
