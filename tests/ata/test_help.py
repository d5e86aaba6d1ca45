from __future__ import annotations

import subprocess
import sys
import time

import pytest

from tests.ata.ata_process import Ata

HELP = [
    (),
    ("login",),
    ("skill", "block"),
    ("mcp",),
    ("mcp", "run"),
    ("mcp", "proxy"),
    ("alert",),
    ("approvals",),
    ("connections",),
    ("audit", "search"),
    ("audit", "export"),
    ("verify",),
    ("witness",),
]


@pytest.mark.parametrize("command", HELP, ids=" ".join)
def test_every_command_has_help(ata: Ata, command: tuple[str, ...]) -> None:
    shown = ata(*command, "--help")
    assert shown.returncode == 0
    assert "Usage: ata" in shown.stdout


def test_help_starts_fast(ata: Ata) -> None:
    ata("--help")
    fastest = 1.0
    for _ in range(3):
        start = time.perf_counter()
        ata("--help")
        fastest = min(fastest, time.perf_counter() - start)
    assert fastest < 0.4


def test_help_imports_nothing_heavy(ata: Ata) -> None:
    code = (
        "import sys; sys.argv[1:] = ['--help']\n"
        "from ata.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*{name.split('.')[0] for name in sys.modules}, sep='\\n', file=sys.stderr)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=ata.environment,
        check=True,
    )
    heavy = {"httpx", "rich", "cryptography", "django", "audit", "ssl"}
    assert heavy.isdisjoint(shown.stderr.split())
