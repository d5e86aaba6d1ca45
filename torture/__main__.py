"""`python -m torture --seed 7 --instants 300`: a part on SQLite and a part on PostgreSQL."""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.ports import free_ports

CHECKOUT = Path(__file__).resolve().parents[1]
SHARE_OF_POSTGRES = 3  # every third instant, when both engines are asked for
_NOT_INHERITED = re.compile(
    r"AUTH0_|PORTAL_|TENANT_|LEDGER_|DEFENSECLAW_|STEP_UP_|CELERY_|DJANGO_"
    r"|VAR_DIR$|DATABASE_URL$|CACHE_URL$|SECRET_KEY$|EVIDENCE_KEY$|TEST_DATABASE_URL$"
)


def main() -> int:
    """Run the parts; exit code 0 when no invariant was violated."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(1, 100_000))
    parser.add_argument("--instants", type=int, default=300)
    parser.add_argument("--part", choices=("everything", "outposts"), default="everything")
    parser.add_argument("--engine", choices=("both", "sqlite", "postgres"), default="both")
    parser.add_argument("--data", type=Path, help="folder of DefenseClaw databases to import, too")
    parser.add_argument("--keep", action="store_true", help="keep the folder that was written to")
    options = parser.parse_args()
    if options.part == "outposts":
        options.engine = "sqlite"
    on_postgres = options.instants // SHARE_OF_POSTGRES if options.engine == "both" else 0
    parts = {
        "sqlite": [("SQLite", options.instants)],
        "postgres": [("PostgreSQL", options.instants)],
        "both": [("SQLite", options.instants - on_postgres), ("PostgreSQL", on_postgres)],
    }[options.engine]
    part = f" PART={options.part}" if options.part != "everything" else ""
    print(f"Seed {options.seed}: again with 'make torture{part} SEED={options.seed}'", flush=True)
    failed = [_part(name, count, options) for name, count in parts if count]
    return int(any(failed))


def _part(engine: str, instants: int, options: argparse.Namespace) -> int:
    print(f"{engine}: {instants} instants", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="ata-torture-"))
    folder.chmod(0o755)  # PostgreSQL runs as somebody else where we are root
    tenant = free_ports(5)  # the tenant, its three gateways, the portal
    kept = {k: v for k, v in os.environ.items() if not _NOT_INHERITED.match(k)}
    environment = kept | {
        "VAR_DIR": str(folder / "var"),
        "TENANT_PORT": str(tenant),
        "PORTAL_PORT": str(tenant + 4),
        "STEP_UP_EXPIRY_S": "40",
        "TENANT_PUSHES_PER_MINUTE": "100000",
        "PUSHES_PER_MINUTE": "100000",
        "TENANT_CIBA_INTERVAL_S": "1",
    }
    module = "torture.part" if options.part == "everything" else "torture.outposts.part"
    command = [sys.executable, "-m", module]
    command += ["--seed", str(options.seed), "--instants", str(instants)]
    if options.part == "everything":
        command += ["--sources", *map(str, _sources(folder, options))]
        command += ["--postgres"] if engine == "PostgreSQL" else []
    failed = 1
    part = subprocess.Popen(command, cwd=CHECKOUT, env=environment)
    try:
        failed = part.wait()
    finally:
        if part.poll() is None:
            part.send_signal(signal.SIGINT)
            part.wait()
        if failed or options.keep:
            print(f"{engine}: kept in {folder}", flush=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return failed


def _sources(folder: Path, options: argparse.Namespace) -> list[Path]:
    """One database of our generator, and those that were named."""
    made = folder / "generated.db"
    command = [
        sys.executable,
        "-m",
        "demo.sample_gateway_database",
        str(made),
        "--events",
        "2500",
        "--days",
        "30",
    ]
    subprocess.run([*command, "--seed", str(options.seed)], cwd=CHECKOUT, check=True)
    return [made, *sorted(options.data.resolve().glob("*.db") if options.data else ())]


if __name__ == "__main__":
    sys.exit(main())
