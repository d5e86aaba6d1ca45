"""The demo world of the embedded mode: DEMO gateways, sample history, the tenant's settings.

It decides for its own DEMO gateways only. Where others are registered it is left out altogether,
unless `make up DEMO=1` asks for it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

from portal.env import BASE_DIR, SECRETS, Env, kept_secret

INSTANCES = ("edge-1", "edge-2")
LOADED = "completed\n"
LEFT_OUT = "without sample data\n"


def runs(env: Env) -> bool:
    """Whether the DEMO gateways run: it was asked, or no other gateway is or was registered."""
    return env.DEMO or not (env.DEFENSECLAW_INSTANCES_FILE or _state(env) == LEFT_OUT)


def has_to_load(env: Env) -> bool:
    """Whether this start loads the sample data, which happens once."""
    return runs(env) and _state(env) != LOADED


def note_prepared(env: Env) -> None:
    """Remember how this start ended, so that the next one knows what was loaded."""
    if runs(env) or _state(env) != LOADED:
        marker(env).write_text(LOADED if runs(env) else LEFT_OUT)


def marker(env: Env) -> Path:
    """The file that says that a first start was completed, and whether with sample data."""
    return env.VAR_DIR / "first-start-done"


def _state(env: Env) -> str:
    return marker(env).read_text() if marker(env).exists() else ""


def announcement(env: Env) -> str:
    """What `make up` says about the sample data before it does anything."""
    own, names = env.DEFENSECLAW_INSTANCES_FILE, " and ".join(INSTANCES)
    if not runs(env):
        which = f"Gateways of your own are registered in {own}" if own else "You had your own"
        return f"{which}: no sample data is loaded. 'make up DEMO=1' adds it, for DEMO gateways."
    if own:
        return (
            f"DEMO=1: sample data is about the DEMO gateways {names} only; no sample decision is "
            f"sent to a gateway in {own}."
        )
    return f"Sample data is about the DEMO gateways {names}, which run here."


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


def ensure_gateway(env: Env) -> None:
    """Tokens and the instances file of the DEMO gateways."""
    kept_secret(env.VAR_DIR, "DEMO_GATEWAY_TOKEN")
    kept_secret(env.VAR_DIR, "DEMO_WEBHOOK_SECRET")
    kept_secret(env.VAR_DIR, "DEMO_INGEST_TOKEN")
    home = folder(env)
    home.mkdir(parents=True, exist_ok=True)
    secrets = env.VAR_DIR / "secrets"
    blocks = [
        f'[[instance]]\nname = "{name}"\nbase_url = "http://127.0.0.1:{port}"\ndemo = true\n'
        f'gateway_token_file = "{secrets / "DEMO_GATEWAY_TOKEN"}"\n'
        f'ingest_token_file = "{secrets / "DEMO_INGEST_TOKEN"}"\n'
        f'audit_db = "{home / name / "audit.db"}"\n'
        f'hmac_key_file = "{home / name / "redaction-correlation.key"}"\n'
        for name, port in ports(env).items()
    ]
    # Whole or not at all: a portal that still runs reads it, and would take a gateway that is not
    # written yet for one that is gone.
    draft = home / ".instances.toml"
    draft.write_text("\n".join(blocks))
    draft.replace(home / "instances.toml")


def ensure_sample_history(env: Env) -> None:
    """About 2,000 events over 30 days, by our own generator."""
    path = sample_path(env)
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft.db")
    draft.unlink(missing_ok=True)
    command = [sys.executable, "-m", "demo.sample", str(draft), "--events", "2000", "--days", "30"]
    subprocess.run(command, cwd=BASE_DIR, check=True)  # noqa: S603
    draft.rename(path)


def gateway_command(env: Env) -> list[str]:
    """Both DEMO gateways in one process."""
    command = [
        sys.executable,
        "-m",
        "demo.gateway",
        "--data",
        str(folder(env)),
        "--token-file",
        str(env.VAR_DIR / "secrets" / "DEMO_GATEWAY_TOKEN"),
    ]
    for name, port in ports(env).items():
        command += ["--instance", f"{name}:{port}"]
    return command
