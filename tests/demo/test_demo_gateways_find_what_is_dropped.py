"""What lies in the agents' folders of a DEMO gateway, and what its scanner makes of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from demo import installed_components, malicious_skill
from portal.env import env
from scripts import demo_environment_setup
from scripts.sample_data import seed
from tests.enforcement.stand_ins import StandIn, running
from tests.support.stack import eventually

HEAD = ("head", "--agent", "claudecode=action", "--agent", "codex", "--take-action", "off")


def scans(gateway: StandIn) -> dict[str, str]:
    """The worst severity of each folder that was scanned."""
    with closing(sqlite3.connect(f"file:{gateway.database}?mode=ro", uri=True)) as source:
        rows = source.execute("SELECT target, max_severity FROM scan_results").fetchall()
    return {Path(target).name: severity for target, severity in rows}


def about(gateway: StandIn, name: str) -> Callable[[], str]:
    return lambda: scans(gateway).get(name, "")


def test_what_agents_start_with_is_scanned_and_nothing_of_it_is_critical(tmp_path: Path) -> None:
    for agent in ("claudecode", "codex"):
        installed_components.install(tmp_path / "laptop", agent)
    with running(tmp_path, "laptop", *HEAD) as gateway:
        assert eventually(about(gateway, "deploy-helper"), "a scan of it") == "HIGH"
        assert eventually(about(gateway, "tab-counter"), "a scan of it") == "LOW"
        assert "CRITICAL" not in scans(gateway).values()


@pytest.mark.parametrize(
    ("options", "agent"),
    [
        (HEAD, "claudecode"),
        (("0.8.4", "--agent", "claudecode=observe"), "claudecode"),
        (("0.2.0", "--agent", "openclaw=action", "--openclaw", "connected"), "openclaw"),
    ],
    ids=["head", "0.8.4", "0.2.0"],
)
def test_a_malicious_skill_is_found_critical_and_its_gateway_leaves_it_to_us(
    tmp_path: Path, options: tuple[str, ...], agent: str
) -> None:
    with running(tmp_path, "laptop", *options) as gateway:
        folder = malicious_skill.drop(gateway.home, "pdf-exfil", agent)
        if options[0] != "0.2.0":
            assert eventually(about(gateway, "pdf-exfil"), "a scan of it") == "CRITICAL"
        eventually(lambda: "sidecar-watcher-verdict" in gateway.actions(), "a verdict")
        assert "watcher-block" not in gateway.actions()
        assert (folder / "SKILL.md").is_file()


def test_a_skill_that_is_there_is_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".claude" / "skills" / "mine").mkdir(parents=True)
    assert malicious_skill.main(["--home", str(tmp_path), "--name", "mine"]) == 1
    assert "is there already; give another --name" in capsys.readouterr().err
    assert not [*(tmp_path / ".claude" / "skills" / "mine").iterdir()]


@pytest.mark.parametrize("name", ["../out", "a/b", "", ".hidden", "x" * 101])
def test_a_name_that_is_no_folders_name_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / ".claude" / "skills").mkdir(parents=True)
    with pytest.raises(ValueError, match="write a name"):
        malicious_skill.drop(tmp_path, name)


def test_where_no_gateway_ran_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="start the gateway with 'make up' first"):
        malicious_skill.drop(tmp_path, "pdf-exfil")
    assert not [*tmp_path.iterdir()]


def test_a_start_after_one_that_was_interrupted_finds_the_skill_there() -> None:
    home = demo_environment_setup.home_of(env, "interrupted")
    (home / ".claude" / "skills" / "pdf-exfil").mkdir(parents=True)
    seed.drop_malicious_skill("interrupted", "claudecode", "pdf-exfil")
    assert not any(home.rglob("SKILL.md"))
