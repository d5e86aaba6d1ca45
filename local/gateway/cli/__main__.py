"""`DIR/bin/defenseclaw`: the verbs of a generation's command line, against one home."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from local.gateway.cli import (
    block_allow_unblock_verbs,
    disable_enable_verbs,
    guardrail_verbs,
    list_status_config_verbs,
    quarantine_verbs,
    scan_verbs,
    tool_verbs,
)
from local.gateway.cli.parsing import (
    Arguments,
    Refused,
    UsageError,
    parse,
    unknown_command,
    usage_of,
)
from local.gateway.cli.session import Session
from local.gateway.user_folder import Home

type Verb = Callable[[Session, Arguments], None]

_VALUED: Final = ("reason", "connector", "path", "source", "command", "url", "args", "mode")
_FLAGS: Final = (
    *("json", "skip-scan", "remote", "action", "yes", "force"),
    *("no-restart", "no-verify", "non-interactive", "disable-redaction"),
)


def _of_kind(verb: Callable[[Session, str, Arguments], None], kind: str) -> Verb:
    return lambda session, arguments: verb(session, kind, arguments)


def _asset_verbs(kind: str) -> dict[str, Verb]:
    verbs = {
        "block": block_allow_unblock_verbs.block,
        "allow": block_allow_unblock_verbs.allow,
        "unblock": block_allow_unblock_verbs.unblock,
        "disable": disable_enable_verbs.disable,
        "enable": disable_enable_verbs.enable,
        "quarantine": quarantine_verbs.quarantine,
        "restore": quarantine_verbs.restore,
        "scan": scan_verbs.scan,
        "list": list_status_config_verbs.list_things,
    }
    return {name: _of_kind(verb, kind) for name, verb in verbs.items()}


_GROUPS: Final[Mapping[str, Mapping[str, Verb]]] = {
    "skill": {**_asset_verbs("skill"), "install": scan_verbs.install},
    "plugin": _asset_verbs("plugin"),
    "mcp": {
        "block": _of_kind(block_allow_unblock_verbs.block, "mcp"),
        "allow": _of_kind(block_allow_unblock_verbs.allow, "mcp"),
        "unblock": _of_kind(block_allow_unblock_verbs.unblock, "mcp"),
        "set": scan_verbs.set_server,
        "unset": scan_verbs.unset_server,
        "scan": scan_verbs.scan_server,
        "list": _of_kind(list_status_config_verbs.list_things, "mcp"),
    },
    "tool": {
        "block": tool_verbs.block,
        "allow": tool_verbs.allow,
        "unblock": tool_verbs.unblock,
        "list": _of_kind(list_status_config_verbs.list_things, "tool"),
    },
}
_SINGLE: Final[Mapping[str, Verb]] = {
    "status": list_status_config_verbs.status,
    "guardrail": guardrail_verbs.guardrail,
    "setup": guardrail_verbs.set_up,
    "config": list_status_config_verbs.config,
}


def _find(session: Session, words: list[str]) -> Callable[[Arguments], None]:
    """Return the verb that the first words name, and take them off; raises UsageError."""
    group = words.pop(0) if words else ""
    if group == "guardrail" and not session.generation.entries_per_agent:
        raise unknown_command("", group)
    if group in _SINGLE:
        return partial(_SINGLE[group], session)
    if group not in _GROUPS:
        raise unknown_command("", group)
    command = words.pop(0) if words else ""
    missing = command == "unblock" and group != "tool" and not session.generation.cli_can_unblock
    if missing or command not in _GROUPS[group]:
        raise unknown_command(group, command)
    return partial(_GROUPS[group][command], session)


def run(home: Home, words: list[str]) -> int:
    """Run one command; returns its exit code."""
    if words == ["--version"]:
        sys.stdout.write("defenseclaw stand-in\n")
        return 0
    session = Session(home)
    verb_name = " ".join(words[:2])
    try:
        verb = _find(session, words)
        verb(parse(words, _VALUED, _FLAGS, quoted=session.generation.entries_per_agent))
    except UsageError as problem:
        sys.stderr.write(f"{usage_of(verb_name, problem)}\n")
        return 2
    except Refused as problem:
        sys.stdout.flush()
        sys.stderr.write(f"{problem.text}\n")
        return problem.code
    return 0


def main(argv: list[str] | None = None) -> int:
    """Read `--home DIR -- WORDS` and run the command."""
    parser = argparse.ArgumentParser(prog="defenseclaw")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("words", nargs=argparse.REMAINDER)
    options = parser.parse_args(argv)
    words = options.words[1:] if options.words[:1] == ["--"] else options.words
    return run(Home(options.home), words)


if __name__ == "__main__":
    sys.exit(main())
