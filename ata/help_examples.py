"""One example for each command, as its `--help` shows it; a test runs every one."""

from __future__ import annotations

from typing import Final

_ID: Final = "01890000-0000-7000-8000-000000000001"
_ISS: Final = "https://acme.eu.auth0.com/"
_OF_A_KIND: Final = {
    "block": "--reason 'reads ~/.ssh' --severity HIGH",
    "allow": "--reason 'reviewed by the team'",
    "unblock": "--reason 'fixed in 1.2'",
    "hold": "--instance edge-1",
    "release": "",
    "show": "",
}
_GITHUB: Final = "npx -y @modelcontextprotocol/server-github"
_NAMES: Final = {
    "skill": "pdf-exfil",
    "mcp": "shadow-fs",
    "plugin": "crypto-helper",
    "tool": "shell_exec",
}

EXAMPLES: Final[dict[str, str]] = {
    "login": "login --no-browser",
    "logout": "logout",
    "status": "status",
    "whoami": "whoami --fields name,roles",
    "verify": "verify pack.zip --vkey log.vkey",
    "witness": "witness --vkey log.vkey --port 8700",
    "outpost enrol": "outpost enrol CODE --portal https://portal.example",
    "outpost run": "outpost run --once",
    "outpost status": "outpost status",
    "outpost install": "outpost install --print",
    "outpost uninstall": "outpost uninstall",
    "dc": "dc -- skill block pdf-exfil --reason 'reads ~/.ssh'",
    "bypass claim": f"bypass claim {_ID} --reason 'it was me'",
    "findings": "findings --fields id,severity,title",
    "findings list": "findings list --severity CRITICAL --limit 20",
    "findings show": f"findings show {_ID}",
    "findings dismiss": f"findings dismiss {_ID} --reason 'a fixture of our tests'",
    "findings acknowledge": f"findings acknowledge {_ID}",
    "alert dismiss": f"alert dismiss {_ID} --reason 'a fixture of our tests'",
    "alert acknowledge": f"alert acknowledge {_ID}",
    "approvals": "approvals",
    "approvals list": "approvals list --pending",
    "approvals wait": f"approvals wait {_ID}",
    "approvals cancel": f"approvals cancel {_ID}",
    "away": "away --until 7d",
    "policy show": "policy show",
    "policy try": "policy try skill.block --severity HIGH",
    "manifest declare": "manifest declare github-mcp.json --new",
    "manifest remove": "manifest remove mcp github-mcp",
    "manifest list": "manifest list --limit 20",
    "manifest show": "manifest show mcp github-mcp",
    "manifest read": "manifest read ./my-server --with-guesses",
    "connections settings": "connections settings",
    "connections set": "connections set github --idle-hours 72 --wake owner",
    "connections unfinished": "connections unfinished --limit 20",
    "connections retry": f"connections retry {_ID}",
    "connections drift": "connections drift latest",
    "connections list": "connections list",
    "connections diff": "connections diff 2026-11-01 2026-11-28",
    "connections revoke": "connections revoke github --reason 'left the team'",
    "connections suspend": "connections suspend github --reason 'laptop lost'",
    "connections resume": "connections resume github",
    "connections allowances list": "connections allowances list",
    "connections allowances end": f"connections allowances end {_ID}",
    "reviews open": "reviews open --title 'GitHub, winter' --due 2026-12-31 --connection github",
    "reviews close": f"reviews close {_ID}",
    "reviews reassign": f"reviews reassign {_ID} --person 'auth0|1' --reviewer 'auth0|2' "
    "--reason leaves",
    "reviews list": "reviews list",
    "reviews show": f"reviews show {_ID} --decision undecided",
    "reviews decide": f"reviews decide {_ID} 3 revoke --reason 'not used since March'",
    "reviews revoke": f"reviews revoke {_ID} 3",
    "reviews result": f"reviews result {_ID} --output result.json",
    "freeze": "freeze agent claude-desktop --reason 'acts oddly'",
    "unfreeze": "unfreeze agent claude-desktop",
    "subject erase": f"subject erase --iss {_ISS} --sub 'auth0|1' --reason 'request 12'",
    "subject hold": f"subject hold --iss {_ISS} --sub 'auth0|1' --matter 2026-7 --reason case",
    "subject release": f"subject release --iss {_ISS} --sub 'auth0|1' --matter 2026-7",
    "audit coverage": "audit coverage --days 90",
    "audit quarantine": "audit quarantine --source edge-1",
    "audit sample": "audit sample action=skill.* --size 25 --output sample.json",
    "audit search": "audit search 'action=skill.*' -outcome=success after=2026-11-01 --limit 20",
    "audit tail": "audit tail severity=CRITICAL --lines 20",
    "audit export": "audit export after=2026-11-01 --format csv --output november.csv",
    "audit entries": "audit entries log.ndjson",
    "audit views": "audit views",
    "audit views list": "audit views list",
    "audit views save": "audit views save 'My denials' outcome=denied",
    "audit views remove": "audit views remove 'My denials'",
    "mcp run": f"mcp run github-mcp --agent claude-desktop -- {_GITHUB}",
    "mcp proxy": "mcp proxy notes-mcp --agent cursor",
    "mcp config": f"mcp config github-mcp --client cursor --write -- {_GITHUB}",
    **{f"{kind} list": f"{kind} list --state blocked" for kind in _NAMES},
    **{
        f"{kind} {act}": f"{kind} {act} {_NAMES[kind]} --instance edge-1 --reason '{why}'"
        for kind in ("skill", "plugin")
        for act, why in (("quarantine", "reads ~/.ssh"), ("restore", "fixed in 1.2"))
    },
    **{
        f"{kind} {act}": f"{kind} {act} {name} {rest}".rstrip()
        for kind, name in _NAMES.items()
        for act, rest in _OF_A_KIND.items()
    },
}
"""What is typed behind `ata`, by the command."""
