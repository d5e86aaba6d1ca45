"""A real DefenseClaw gateway as a peer: `DEFENSECLAW_REAL` names the folder of the binaries.

`FOLDER/0.2.0`, `FOLDER/0.8.4` and `FOLDER/head` each hold `defenseclaw-gateway` and `defenseclaw`,
and where they have one a `venv/bin` with the scanners. Each gateway gets a separate user folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from tests.gateways.configurations import Configuration
from tests.gateways.openclaw_socket import OpenClawSocket
from tests.gateways.peers import Peer, inherited_path
from tests.support.ports import free_port

VARIABLE: Final = "DEFENSECLAW_REAL"
_SET_UP_NAMES: Final = {"claudecode": "claude-code"}
_VERSIONS: Final = {
    "claude": "2.1.160 (Claude Code)",
    "codex": "codex-cli 0.130.0",
    "cursor": "1.7.40",
    "cursor-agent": "1.7.40",
    "gemini": "0.30.0",
}
"""Programs that only say their version: a gateway sets up action mode for versions it knows."""
_CODEX_SERVER: Final = """#!/bin/sh
if [ "$1" != app-server ]; then echo "codex-cli 0.130.0"; exit 0; fi
while IFS= read -r line; do case "$line" in
  *'"initialize"'*) echo '{"id":1,"result":{"userAgent":"codex/0.130.0"}}';;
  *'"configRequirements/read"'*) echo '{"id":2,"result":{"requirements":null}}';;
esac; done
"""
_PLUGIN_SCANNER: Final = """import json, sys
from defenseclaw.scanner.plugin_scanner import scan_plugin
fields = ("id", "severity", "title", "description", "location", "remediation", "suppressed")
found = [{n: getattr(f, n, None) for n in fields} for f in scan_plugin(sys.argv[1]).findings]
print(json.dumps({"scanner": "plugin-scanner", "target": sys.argv[1], "findings": found}))
"""
_FAILING: Final = '#!/bin/sh\necho "scanner is broken" >&2\nexit 1\n'


def folder_of_binaries(generation: str) -> Path | None:
    """Return where a generation's binaries are, None where the variable does not say."""
    folder = os.environ.get(VARIABLE)
    return Path(folder).resolve() / generation if folder else None


class RealGateway(Peer):
    """A process of `defenseclaw-gateway` in the foreground."""

    name = "real"
    settle_s = 2.0
    patience_s = 4.0
    timeout_s = 300
    request_timeout_s = 300

    def __init__(self, home: Path, configuration: Configuration, port: int) -> None:
        super().__init__(home, configuration, port)
        folder = folder_of_binaries(configuration.generation)
        if folder is None:
            raise ValueError(f"{VARIABLE} is not set")
        self.binaries = folder
        self.programs = home.parent / "programs"
        self.openclaw: OpenClawSocket | None = None

    def set_up(self) -> None:
        """Set the gateway up by its own commands, then write what they have no option for."""
        self.home.mkdir(parents=True)
        self._write_programs()
        if self.configuration.generation == "0.2.0":
            self._initialize_openclaw()
        else:
            self._set_up_agents()
        self._special()

    def _write_programs(self) -> None:
        self.programs.mkdir(mode=0o755)
        for name, version in _VERSIONS.items():
            text = _CODEX_SERVER if name == "codex" else f'#!/bin/sh\necho "{version}"\n'
            self._program(name, text)
        if self.configuration.generation != "0.2.0":
            return
        self._program("openclaw", "#!/bin/sh\nexit 0\n")
        if self._has_plugin_scanner:
            self._program("defenseclaw-plugin-scanner", self._plugin_scanner())

    def _program(self, name: str, text: str) -> None:
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    @property
    def _has_plugin_scanner(self) -> bool:
        return self.configuration.special != "no plugin scanner"

    def _plugin_scanner(self) -> str:
        """0.2.0's own plugin scanner in Python, in place of the npm one that it looks for."""
        return f"#!{self.binaries / 'venv' / 'bin' / 'python'}\n{_PLUGIN_SCANNER}"

    def _run(self, *arguments: str) -> None:
        code, output = self.cli(*arguments)
        if code:
            raise RuntimeError(f"{' '.join(arguments)}: exit {code}: {output[-500:]}")

    def _initialize_openclaw(self) -> None:
        port = free_port()
        self._initialize_without_start()
        mode = self.configuration.guardrail_mode
        take_action = self.configuration.take_action
        self._configure(
            {
                "gateway.api_port": self.port,
                "gateway.port": port,
                "guardrail.mode": mode,
                "gateway.watcher.skill.take_action": take_action,
                "gateway.watcher.plugin.take_action": take_action,
            }
        )
        if self.configuration.openclaw:
            self.openclaw = OpenClawSocket(port)

    def _initialize_without_start(self) -> None:
        """`init` starts a gateway that it finds on PATH, on a fixed port: it must find none."""
        program = self.binaries / "venv" / "bin" / "defenseclaw"
        command = [str(program) if program.exists() else str(self.binaries / "defenseclaw")]
        environment = {**self.environment(), "PATH": f"{self.programs}:/usr/bin:/bin"}
        subprocess.run(
            [*command, "init", "--skip-install"],
            env=environment,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=120,
        )

    def _set_up_agents(self) -> None:
        modes = {a: m for a, m in self.configuration.modes.items() if a != "openclaw"}
        modes = modes or {"claudecode": self.configuration.guardrail_mode}
        primary = next(iter(modes))
        mode = self.configuration.guardrail_mode
        first = ("--mode", mode, "--connector", primary, "--skip-gateway", "--yes")
        self.cli("quickstart", *first)
        for agent, agent_mode in modes.items():
            name = _SET_UP_NAMES.get(agent, agent)
            self._run("setup", name, "--yes", "--mode", agent_mode, "--no-restart")
        take_action = self.configuration.take_action
        values: dict[str, Any] = {
            "gateway.api_port": self.port,
            "guardrail.port": free_port(),
            "guardrail.connector": primary,
            "guardrail.mode": mode,
            "gateway.watcher.skill.take_action": take_action,
            "gateway.watcher.plugin.take_action": take_action,
            "watch.rescan_enabled": False,
        }
        for agent, agent_mode in modes.items():
            values[f"guardrail.connectors.{agent}.mode"] = agent_mode
        if self.configuration.managed:
            values["deployment_mode"] = "managed_enterprise"
        self._configure(values)

    def _configure(self, values: Mapping[str, object]) -> None:
        """Write single keys of `config.yaml`."""
        path = self.home / ".defenseclaw" / "config.yaml"
        config: dict[str, Any] = yaml.safe_load(path.read_text())
        for dotted, value in values.items():
            *parents, last = dotted.split(".")
            at = config
            for name in parents:
                at[name] = at.get(name) or {}
                at = at[name]
            at[last] = value
        path.write_text(yaml.safe_dump(config, sort_keys=False))

    def _special(self) -> None:
        special = self.configuration.special
        policies = self.home / ".defenseclaw" / "policies"
        if special == "rego policies":
            for path in (policies / "rego").iterdir():
                shutil.copy(path, policies / path.name)
        if special == "scanner fails":
            for name in ("skill-scanner", "cisco-ai-skill-scanner"):
                self._program(name, _FAILING)
            self._configure({"scanners.skill_scanner.binary": str(self.programs / "skill-scanner")})

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the gateway in the foreground, in a separate working directory."""
        work = self.home.parent / "work"
        work.mkdir(exist_ok=True)
        with (self.home.parent / "gateway.log").open("ab") as log:
            return subprocess.Popen(
                [str(self.binaries / "defenseclaw-gateway")],
                cwd=work,
                env=dict(self.environment()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """End the process, and OpenClaw's socket with it."""
        super().kill()
        if self.openclaw:
            self.openclaw.close()
            self.openclaw = None

    def command(self) -> list[str]:
        """The real command line tool."""
        return [str(self.binaries / "defenseclaw")]

    def environment(self) -> Mapping[str, str]:
        """A home, the binaries and scanners, and programs that say the agents' versions."""
        first = (self.home / "stubs", self.programs, self.binaries, self.binaries / "venv" / "bin")
        python = Path(sys.executable).parent
        path = ":".join(str(p) for p in first) + f":{inherited_path()}"
        return {
            "HOME": str(self.home),
            "USER": os.environ.get("USER", "root"),
            "LANG": "C.UTF-8",
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
            "PATH": path.replace(f":{python}", ""),
            "DEFENSECLAW_TRUSTED_BIN_PREFIXES": str(self.programs),
        }
