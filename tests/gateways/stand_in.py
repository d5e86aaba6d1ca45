"""The stand-in gateway of `local/gateway` as a peer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from local.gateway.cli.__main__ import run
from local.gateway.user_folder import Home
from tests.gateways.peers import Peer, inherited_path

ROOT: Final = Path(__file__).resolve().parents[2]


class StandIn(Peer):
    """A process of `python -m local.gateway`."""

    name = "stand-in"
    settle_s = 0.3
    patience_s = 1.2
    timeout_s = 30

    def set_up(self) -> None:
        """Make the user folder; the stand-in itself makes the rest when it starts."""
        self.home.mkdir(parents=True, exist_ok=True)
        if self.configuration.special in ("scanner fails", "no plugin scanner"):
            (self.home / "scanner-fails").touch()
        if self.configuration.special == "rego policies":
            policies = self.home / ".defenseclaw" / "policies"
            policies.mkdir(parents=True)
            (policies / "admission.rego").write_text("package defenseclaw.admission\n")

    def launch(self) -> subprocess.Popen[bytes]:
        """Start it with the configuration's options."""
        configuration = self.configuration
        agents = [f"--agent={agent}={mode}" for agent, mode in configuration.modes.items()]
        command = [
            sys.executable, "-m", "local.gateway", f"--generation={configuration.generation}",
            f"--home={self.home}", f"--port={self.port}", *agents,
            f"--take-action={'on' if configuration.take_action else 'off'}",
            f"--guardrail-mode={configuration.guardrail_mode}",
            f"--openclaw={'connected' if configuration.openclaw else 'never'}",
            f"--scan-seconds={2 if configuration.special == 'slow scans' else 0.05}",
        ]  # fmt: skip
        if configuration.managed:
            command.append("--managed")
        log = (self.home / "gateway.log").open("ab")
        with log:
            return subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def cli(self, *arguments: str) -> tuple[int, str]:
        """Run the command line in this process, where no program has to stand on PATH for it."""
        if (self.home / "stubs").exists():
            return super().cli(*arguments)
        return run(Home(self.home), list(arguments)), ""

    def command(self) -> list[str]:
        """The command line tool that the stand-in wrote into its home."""
        return [str(self.home / "bin" / "defenseclaw")]

    def environment(self) -> Mapping[str, str]:
        """A home, and what the test puts on PATH first."""
        path = f"{self.home / 'stubs'}:{inherited_path()}"
        return {"HOME": str(self.home), "PATH": path, "LANG": "C.UTF-8"}
