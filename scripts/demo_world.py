"""The demo world of the embedded mode: DEMO gateways, sample history, what the tenant is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from portal.env import BASE_DIR, SECRETS, Env, kept_secret

INSTANCES = ("edge-1", "edge-2")


def environment(env: Env) -> dict[str, str]:
    """The environment of every child: what was given, plus what embedded mode generated."""
    child = dict(os.environ)
    child["VAR_DIR"] = str(env.VAR_DIR)
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
    """One loopback port a DEMO gateway, right after the tenant's."""
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
        f'webhook_secret_file = "{secrets / "DEMO_WEBHOOK_SECRET"}"\n'
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
