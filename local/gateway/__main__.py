"""Run a stand-in gateway of one generation, on loopback only.

    python -m local.gateway --generation head --home DIR --port 18970 \
        --agent claudecode=action --agent codex=observe --take-action off

It makes everything below DIR that a real gateway has there, `DIR/bin/defenseclaw` included, and
answers `/health` when it is ready. The first agent is primary: its folders are watched.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from local.gateway.gateway import Gateway
from local.gateway.generations import GENERATIONS
from local.gateway.rest.server import GatewayServer
from local.gateway.settings import MODES, UPSTREAM_STATES, Settings
from local.gateway.user_folder import Home


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.gateway",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--generation", choices=GENERATIONS, required=True)
    parser.add_argument("--home", type=Path, required=True, metavar="DIR")
    parser.add_argument("--port", type=int, required=True, metavar="N")
    parser.add_argument("--agent", action="append", default=[], metavar="NAME[=observe|action]")
    parser.add_argument("--take-action", choices=("on", "off"))
    parser.add_argument("--managed", action="store_true", help="managed_enterprise")
    parser.add_argument(
        "--guardrail-mode",
        choices=MODES,
        help="mode of the whole gateway; without it, that of the first agent",
    )
    parser.add_argument(
        "--openclaw",
        choices=UPSTREAM_STATES,
        default="never",
        help="connection to OpenClaw since the start",
    )
    parser.add_argument("--scan-seconds", type=float, default=0.2, metavar="S")
    parser.add_argument(
        "--not-connected-seconds",
        type=float,
        default=0.3,
        metavar="S",
        help="until the 502 of an allow under a runtime disable (88 at a real gateway)",
    )
    return parser.parse_args(argv)


def settings_from(options: argparse.Namespace) -> Settings:
    """Return the settings that the options ask for; raises ValueError on a wrong agent."""
    generation = GENERATIONS[options.generation]
    agents: dict[str, str] = {}
    for text in options.agent or generation.default_agents:
        name, _, mode = text.partition("=")
        if name not in generation.agents or mode not in ("", *MODES):
            known = ", ".join(generation.agents)
            raise ValueError(f"--agent {text}: write NAME or NAME=action, with NAME of {known}")
        agents[name] = mode or "observe"
    on = options.take_action == "on"
    return Settings(
        generation_name=generation.name,
        port=options.port,
        agents=agents,
        take_action=on if options.take_action else generation.take_action_by_default,
        managed=options.managed,
        guardrail_mode=options.guardrail_mode or next(iter(agents.values())),
        upstream=options.openclaw,
        scan_seconds=options.scan_seconds,
        not_connected_seconds=options.not_connected_seconds,
    )


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; returns 2 if it cannot start."""
    options = _options(argv)
    try:
        settings = settings_from(options)
        gateway = Gateway(Home(options.home), settings)
        server = GatewayServer(gateway)
    except (OSError, ValueError) as problem:
        print(f"local.gateway: {problem}", file=sys.stderr)  # noqa: T201 - what a command prints
        return 2
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    gateway.start()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    name = f"stand-in gateway {settings.generation_name}"
    print(f"{name} at http://127.0.0.1:{server.server_port}/", flush=True)  # noqa: T201 - what a command prints
    stop.wait()
    server.shutdown()
    server.server_close()
    gateway.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
