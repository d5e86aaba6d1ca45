"""The demo world of the embedded mode: DEMO gateways, sample history, the tenant's settings.

It decides for its own DEMO gateways only. Where others are registered it is left out altogether,
unless `make up DEMO=1` asks for it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from portal.env import BASE_DIR, SECRETS, Env, kept_secret


@dataclass(frozen=True, slots=True)
class DemoGateway:
    """A DEMO gateway: a stand-in (`local.gateway`) of one generation, with its agents and modes."""

    name: str
    generation: str
    agents: tuple[str, ...]
    """`NAME=MODE`; the folders of the first one are watched."""
    options: tuple[str, ...] = ()

    @property
    def has_token(self) -> bool:
        """Whether its API asks for a token, which 0.2.0 does not."""
        return self.generation != "0.2.0"


GATEWAYS = (
    DemoGateway(
        "laptop-mia",
        "head",
        ("claudecode=action", "codex=action", "cursor=observe"),
        ("--take-action", "off"),  # HEAD blocks by itself otherwise, and nobody would be asked
    ),
    DemoGateway("build-server", "0.8.4", ("claudecode=observe", "codex=observe")),
    DemoGateway("edge-1", "0.2.0", ("openclaw=action",), ("--openclaw", "connected")),
)
INSTANCES = tuple(gateway.name for gateway in GATEWAYS)
LOADED = "completed\n"
LEFT_OUT = "without sample data\n"
REMOVED = "removed\n"


def runs(env: Env) -> bool:
    """Whether the DEMO gateways run: it was asked, or no other gateway is or was registered."""
    return env.DEMO or not (env.DEFENSECLAW_INSTANCES_FILE or _state(env) in {LEFT_OUT, REMOVED})


def has_to_load(env: Env) -> bool:
    """Whether this start loads the sample data, which happens once."""
    return runs(env) and _state(env) != LOADED


def note_prepared(env: Env) -> None:
    """Remember how this start ended, so that the next one knows what was loaded."""
    if runs(env):
        marker(env).write_text(LOADED)
    elif _state(env) not in {LOADED, REMOVED}:
        marker(env).write_text(LEFT_OUT)


def marker(env: Env) -> Path:
    """The file that says that a first start was completed, and whether with sample data."""
    return env.VAR_DIR / "first-start-done"


def _state(env: Env) -> str:
    return marker(env).read_text() if marker(env).exists() else ""


def announcement(env: Env) -> str:
    """What `make up` says about the sample data before it does anything."""
    own, names = env.DEFENSECLAW_INSTANCES_FILE, _listed(INSTANCES)
    if not runs(env):
        which = "The demo was removed" if _state(env) == REMOVED else "You had your own"
        which = f"Gateways of your own are registered in {own}" if own else which
        return f"{which}: no sample data is loaded. 'make up DEMO=1' adds it, for DEMO gateways."
    if own:
        return (
            f"DEMO=1: sample data is about the DEMO gateways {names} only; no sample decision is "
            f"sent to a gateway in {own}."
        )
    return f"Sample data is about the DEMO gateways {names}, which run here."


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def name_taken(env: Env) -> str:
    """The DEMO gateway whose name a gateway of the configured file has, too; empty when none."""
    own = env.DEFENSECLAW_INSTANCES_FILE
    if own is None or not own.is_file() or not runs(env):
        return ""
    try:
        blocks = tomllib.loads(own.read_text()).get("instance", [])
    except (OSError, ValueError):
        return ""  # the portal says on its pages what is wrong with the file
    taken = {block.get("name") for block in blocks if isinstance(block, dict)}
    return next((name for name in INSTANCES if name in taken), "")


def environment(env: Env) -> dict[str, str]:
    """The environment of every child: what was given, plus what embedded mode generated."""
    child = dict(os.environ)
    child["VAR_DIR"] = str(env.VAR_DIR)
    child["DEMO"] = "1" if env.DEMO else ""
    # Celery warns about root in its own nine lines; a container or a fresh machine often is root.
    child.setdefault("PYTHONWARNINGS", "ignore:You're running the worker with superuser privileges")
    if env.local_tenant:
        for name in SECRETS:
            child.setdefault(name, env.secret(name))
        child["TENANT_CONTROL_TOKEN"] = kept_secret(env.VAR_DIR, "TENANT_CONTROL_TOKEN")
        child["PORTAL_URL"] = env.portal_url
        child["TENANT_PORT"] = str(env.TENANT_PORT)
    return child


def folder(env: Env) -> Path:
    """Where the demo keeps its files."""
    return env.VAR_DIR / "demo"


def ports(env: Env) -> dict[str, int]:
    """One loopback port for each DEMO gateway, right after the tenant's."""
    return {name: env.TENANT_PORT + n for n, name in enumerate(INSTANCES, start=1)}


def sample_path(env: Env) -> Path:
    """The generated DefenseClaw database that the importer reads at the first start."""
    return folder(env) / "history.db"


def home_of(env: Env, name: str) -> Path:
    """The user folder of a DEMO gateway: its data, and the folders of its agents."""
    return folder(env) / name


def ensure_gateways(env: Env) -> None:
    """Homes, tokens and the instances file of the DEMO gateways."""
    token = kept_secret(env.VAR_DIR, "DEMO_GATEWAY_TOKEN")
    kept_secret(env.VAR_DIR, "DEMO_INGEST_TOKEN")
    blocks = []
    for gateway in GATEWAYS:
        home = home_of(env, gateway.name)
        _ensure_home(home, gateway, token)
        blocks.append(_block(env, gateway, home))
    # Whole or not at all: a portal that still runs reads it, and would take a gateway that is not
    # written yet for one that is gone.
    draft = folder(env) / ".instances.toml"
    draft.write_text("\n".join(blocks))
    draft.replace(folder(env) / "instances.toml")


def _ensure_home(home: Path, gateway: DemoGateway, token: str) -> None:
    """What has to lie there before the gateway starts: its token and its agents' components."""
    data = home / ".defenseclaw"
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    env_file = data / ".env"
    if gateway.has_token and not env_file.exists():
        env_file.touch(mode=0o600)
        env_file.write_text(f"DEFENSECLAW_GATEWAY_TOKEN={token}\n")
    command = [sys.executable, "-m", "demo.installed_components", "--home", str(home)]
    for agent in gateway.agents:
        command += ["--agent", agent.partition("=")[0]]
    subprocess.run(command, cwd=BASE_DIR, check=True)  # noqa: S603


def _block(env: Env, gateway: DemoGateway, home: Path) -> str:
    secrets, data = env.VAR_DIR / "secrets", home / ".defenseclaw"
    lines = [
        "[[instance]]",
        f'name = "{gateway.name}"',
        "demo = true",
        f'base_url = "http://127.0.0.1:{ports(env)[gateway.name]}"',
        f'ingest_token_file = "{secrets / "DEMO_INGEST_TOKEN"}"',
        f'audit_db = "{data / "audit.db"}"',
    ]
    if gateway.has_token:
        lines.append(f'gateway_token_file = "{secrets / "DEMO_GATEWAY_TOKEN"}"')
    if gateway.generation == "head":
        lines.append(f'hmac_key_file = "{data / "redaction-correlation.key"}"')
    return "\n".join(lines) + "\n"


def ensure_sample_history(env: Env) -> None:
    """About 2,000 events over 30 days, by our own generator."""
    path = sample_path(env)
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft.db")
    draft.unlink(missing_ok=True)
    command = [
        sys.executable,
        "-m",
        "demo.sample_gateway_database",
        str(draft),
        "--events",
        "2000",
        "--days",
        "30",
    ]
    subprocess.run(command, cwd=BASE_DIR, check=True)  # noqa: S603
    draft.rename(path)


def gateway_commands(env: Env) -> dict[str, list[str]]:
    """The process of each DEMO gateway by its name."""
    return {gateway.name: _command(env, gateway) for gateway in GATEWAYS}


def _command(env: Env, gateway: DemoGateway) -> list[str]:
    command = [sys.executable, "-m", "local.gateway", "--generation", gateway.generation]
    command += ["--home", str(home_of(env, gateway.name))]
    command += ["--port", str(ports(env)[gateway.name]), *gateway.options]
    for agent in gateway.agents:
        command += ["--agent", agent]
    return command
