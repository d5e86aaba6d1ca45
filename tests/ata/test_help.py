from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ata.cli import COMMANDS, load
from tests.ata.ata_process import Ata
from tests.ata.portal_stand_in import Reply, Request, StandIn

HELP = [
    (),
    ("login",),
    ("skill", "block"),
    ("skill", "quarantine"),
    ("plugin", "restore"),
    ("mcp",),
    ("mcp", "run"),
    ("mcp", "proxy"),
    ("findings", "list"),
    ("alert",),
    ("manifest",),
    ("manifest", "read"),
    ("approvals",),
    ("connections",),
    ("connections", "set"),
    ("connections", "allowances", "end"),
    ("connections", "drift"),
    ("reviews", "decide"),
    ("freeze",),
    ("subject", "hold"),
    ("audit", "search"),
    ("audit", "export"),
    ("audit", "views", "save"),
    ("verify",),
    ("witness",),
    ("outpost",),
    ("dc",),
    ("bypass", "claim"),
]


@pytest.mark.parametrize("command", HELP, ids=" ".join)
def test_every_command_has_help(ata: Ata, command: tuple[str, ...]) -> None:
    shown = ata(*command, "--help")
    assert shown.returncode == 0
    assert "Usage: ata" in shown.stdout
    assert ata(*command, "-h").stdout == shown.stdout


@pytest.mark.parametrize(
    ("args", "env", "most"),
    [
        (["--help"], {}, 1.5),
        # typer reads what was typed with pydantic, whose import is half of this.
        ([], {"_ATA_COMPLETE": "complete_bash", "COMP_WORDS": "ata sk", "COMP_CWORD": "1"}, 3),
    ],
    ids=["help", "completion"],
)
def test_it_starts_fast(ata: Ata, args: list[str], env: dict[str, str], most: float) -> None:
    """By processor time, beside a Python that imports pydantic: machines and neighbours differ."""
    command = [sys.executable, "-c", "import pydantic.main"]
    bare, ours = [], []
    for _ in range(5):
        bare.append(_spent(lambda: subprocess.run(command, check=True)))
        ours.append(_spent(lambda: ata(*args, **env)))
    assert min(ours) < most * min(bare), (ours, bare)


def _spent(run: Callable[[], object]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_of_each_command_what_the_command_says_of_itself(name: str) -> None:
    own = load(name).help or ""
    assert own.split("\n\n")[0].replace("\n", " ").strip() == COMMANDS[name][1]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("ata sk", ["skill"]),
        (
            "ata skill ",
            [
                *("block", "allow", "unblock", "hold", "release"),
                *("quarantine", "restore", "list", "show"),
            ],
        ),
        ("ata mcp ru", ["run"]),
        ("ata approvals ", ["list", "wait", "cancel"]),
        ("ata skill block x --severity H", ["HIGH"]),
        ("ata audit export --format ", ["csv", "ndjson", "xlsx", "ocsf"]),
    ],
)
def test_a_shell_completes_names_without_asking_anybody(
    ata: Ata, portal: StandIn, typed: str, offered: list[str]
) -> None:
    words = str(len(typed.split()) - (0 if typed.endswith(" ") else 1))
    done = ata(_ATA_COMPLETE="complete_bash", COMP_WORDS=typed, COMP_CWORD=words)
    assert done.stdout.split() == offered, done.stderr
    assert portal.requests == []


def complete(ata: Ata, typed: str) -> list[str]:
    words = str(len(typed.split()) - (0 if typed.endswith(" ") else 1))
    done = ata(_ATA_COMPLETE="complete_bash", COMP_WORDS=typed, COMP_CWORD=words)
    assert done.stderr == ""
    return done.stdout.split()


def test_a_shell_completes_names_that_the_portal_knows(signed_in: Ata, portal: StandIn) -> None:
    names = {"items": [{"name": "pdf-exfil"}, {"name": "my-pdf"}, {"name": "pdf\x1b[2J"}]}
    portal.on("GET", "/v1/components/skill", Reply(200, names))
    portal.on("GET", "/v1/findings", Reply(200, {"items": [{"id": "f-1"}, {"id": "f-2"}]}))
    portal.on("GET", "/v1/approvals", Reply(200, {"items": [{"id": "a-1"}]}))
    assert complete(signed_in, "ata skill block pd") == ["pdf-exfil"]
    assert complete(signed_in, "ata skill quarantine pd") == ["pdf-exfil"]
    assert complete(signed_in, "ata findings dismiss ") == ["f-1", "f-2"]
    assert complete(signed_in, "ata approvals wait ") == ["a-1"]


def test_completion_offers_no_name_that_a_shell_or_ata_would_obey(
    signed_in: Ata, portal: StandIn
) -> None:
    """The shell's script puts what is offered on the command line as it is."""
    names = ["a$(id)", "a`id`", "a;id", "a|id", "a>b", "a b", "a'b", "a\\b", "--yes", "a*", "é"]
    items = [{"name": name} for name in [*names, "@acme/notes-2.0_b"]]
    portal.on("GET", "/v1/components/skill", Reply(200, {"items": items}))
    portal.on("GET", "/v1/findings", Reply(200, {"items": [{"id": "f-1;id"}]}))
    assert complete(signed_in, "ata skill block ") == ["@acme/notes-2.0_b"]
    assert complete(signed_in, "ata findings dismiss ") == []


def test_completion_is_silent_and_asks_nobody_without_a_session(ata: Ata, portal: StandIn) -> None:
    assert complete(ata, "ata skill block pd") == []
    ata.sign_in(seconds_left=5)  # it would have to be refreshed
    assert complete(ata, "ata skill block pd") == []
    assert portal.requests == []


def test_completion_waits_for_no_slow_portal(signed_in: Ata, portal: StandIn) -> None:
    def late(_request: Request) -> Reply:
        time.sleep(4)
        return Reply(200, {"items": [{"name": "pdf-exfil"}]})

    portal.on("GET", "/v1/components/skill", late)
    assert complete(signed_in, "ata skill block pd") == []
    portal.on("GET", "/v1/components/skill", Reply(403, {"code": "not_permitted"}))
    assert complete(signed_in, "ata skill block pd") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_shown_and_installed(ata: Ata, shell: str) -> None:
    # Typer asks the processes above it which shell this is; here it is told.
    told = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    assert "_ATA_COMPLETE" in ata("--show-completion", shell, **told).stdout
    installed = ata("--install-completion", shell, SHELL=f"/bin/{shell}", **told)
    assert installed.returncode == 0
    assert any("_ATA_COMPLETE" in path.read_text() for path in files_below(ata.home))


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


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
    heavy = {"httpx", "rich", "cryptography", "django", "audit", "ssl", "segno"}
    assert heavy.isdisjoint(shown.stderr.split())


@pytest.mark.parametrize("group", [(), ("skill",), ("connections",), ("audit",)], ids=" ".join)
def test_no_line_about_a_command_is_cut(ata: Ata, group: tuple[str, ...]) -> None:
    shown = ata.here(*group, "--help").stdout
    assert not [line for line in shown.splitlines()[1:] if line.endswith("...")]
