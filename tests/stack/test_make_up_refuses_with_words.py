"""`make up` that cannot start says why, names the fix and ends; it never half starts."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.up import only_one, refuse_full_disk
from tests.support.stack import CHECKOUT, Stack, eventually

KEEP = str(CHECKOUT / "scripts" / "keep.sh")

pytestmark = pytest.mark.stack


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path / "var")


@pytest.fixture
def busy() -> Iterator[int]:
    """A port somebody listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def refused(stack: Stack, **more: str) -> str:
    """Run `make up`'s script, which must fail; returns what it said."""
    done = stack.run("-m", "scripts.up", **more)
    said = done.stdout + done.stderr
    assert done.returncode not in {0, None}, said
    assert "Traceback" not in said
    assert not (stack.var_dir / "portal.sqlite3").exists()
    return said


@pytest.mark.parametrize("name", ["PORTAL_PORT", "TENANT_PORT"])
def test_a_port_in_use_is_named_with_the_way_out(stack: Stack, busy: int, name: str) -> None:
    said = refused(stack, **{name: str(busy)})
    assert f"{name} = {busy}" in said
    assert "PORTAL_PORT=8080" in said


def test_a_full_disk_is_named_with_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=f"Not enough space in {tmp_path}: .* MB are free"):
        refuse_full_disk(tmp_path, needed_mb=1_000_000_000)
    refuse_full_disk(tmp_path, needed_mb=1)
    asked = ["sh", str(CHECKOUT / "scripts" / "space.sh"), str(tmp_path / "later")]
    done = subprocess.run([*asked, "1000000000", "make up"], capture_output=True, text=True)
    assert done.returncode == 1
    assert f"Not enough space in {tmp_path / 'later'}: make up needs about" in done.stderr
    assert subprocess.run([*asked, "1", "make up"]).returncode == 0


def test_a_taken_gateway_port_is_found_before_anything_starts(stack: Stack, busy: int) -> None:
    said = refused(stack, TENANT_PORT=str(busy - 1))
    assert f"TENANT_PORT + 1 = {busy}" in said


def test_a_folder_that_cannot_be_written_is_named(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    folder = tmp_path / "file" / "var"
    said = refused(stack, VAR_DIR=str(folder))
    assert str(folder) in said
    assert "VAR_DIR" in said


def test_a_second_start_from_the_same_folder_is_refused(stack: Stack) -> None:
    stack.var_dir.mkdir(parents=True)
    with (stack.var_dir / "up.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        said = refused(stack)
    assert "already runs" in said
    assert str(stack.var_dir) in said


def test_a_killed_start_does_not_hold_the_folder_through_what_it_forked(tmp_path: Path) -> None:
    said = tmp_path / "pids"
    starter = (
        "import os, pathlib, time\n"
        "from scripts.up import only_one, refuse_full_disk\n"
        f"with only_one(pathlib.Path({str(tmp_path)!r})):\n"
        "    child = os.fork()\n"
        f"    child and pathlib.Path({str(said)!r}).write_text(str(child))\n"
        "    time.sleep(60)\n"
    )
    killed = subprocess.Popen([sys.executable, "-c", starter], cwd=CHECKOUT, env=os.environ)
    try:
        forked = int(eventually(lambda: said.exists() and said.read_text(), "the fork"))
        killed.kill()
        killed.wait()
        assert runs(forked)
        with only_one(tmp_path) as killed_before:
            assert killed_before
        os.kill(forked, signal.SIGKILL)
    finally:
        killed.kill()
        killed.wait()


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("PORTAL_PORT", "eighty", "PORTAL_PORT"),
        ("TENANT_PORT", "70000", "TENANT_PORT"),
        ("STEP_UP_EXPIRY_S", "0", "STEP_UP_EXPIRY_S"),
        ("AUTH0_CLIENT_SECRET_FILE", "/nonexistent/secret", "AUTH0_CLIENT_SECRET_FILE"),
    ],
)
def test_a_wrong_setting_is_named(stack: Stack, name: str, value: str, hint: str) -> None:
    assert hint in refused(stack, **{name: value})


def test_a_production_start_lists_every_unsafe_default_at_once(stack: Stack) -> None:
    done = stack.run("manage.py", "check", PORTAL_ENV="production")
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Traceback" not in said
    assert said.count("\n  - ") > 2, said


def test_a_process_that_keeps_dying_is_given_up_with_words() -> None:
    keep = [
        "sh",
        str(CHECKOUT / "scripts" / "keep.sh"),
        sys.executable,
        "-c",
        "raise SystemExit(7)",
    ]
    done = subprocess.run(keep, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "gave up: died 5 times within a minute (last exit code 7)" in done.stderr


def test_what_was_started_ends_with_a_killed_starter(tmp_path: Path) -> None:
    mark = tmp_path / "alive"
    starter = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    sleeper = f"import pathlib, time; pathlib.Path({str(mark)!r}).touch(); time.sleep(60)"
    kept = subprocess.Popen(
        ["sh", KEEP, sys.executable, "-c", sleeper],
        env={"ATA_UP_PID": str(starter.pid), "PATH": "/usr/bin:/bin"},
        start_new_session=True,
    )
    try:
        eventually(mark.exists, "the command runs")
        starter.kill()
        starter.wait()
        assert kept.wait(30) == 0
    finally:
        if kept.poll() is None:
            os.killpg(kept.pid, signal.SIGKILL)


@pytest.mark.parametrize("watched", [False, True])
def test_without_sleep_nothing_spins(tmp_path: Path, watched: bool) -> None:
    """As while a system is taken down around us: without any way to wait, the loop ends."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("date", "grep"):
        (tools / name).symlink_to(str(shutil.which(name)))
    body = "import time; time.sleep(60)" if watched else "raise SystemExit(7)"
    kept = subprocess.Popen(
        [str(shutil.which("sh")), KEEP, sys.executable, "-c", body],
        env={"PATH": str(tools)} | ({"ATA_UP_PID": str(os.getpid())} if watched else {}),
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        _, said = kept.communicate(timeout=30)
        assert kept.returncode != 0
        assert watched or "gave up: nothing here can wait" in said
    finally:
        if kept.poll() is None:
            os.killpg(kept.pid, signal.SIGKILL)
            kept.wait()


def runs(pid: int) -> bool:
    """Whether the process exists and is not only waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs Linux")
def test_what_a_killed_command_had_started_ends_before_it_is_started_again(tmp_path: Path) -> None:
    said = tmp_path / "pids"
    # As a server with its worker process: it notes both, and only the first is killed.
    parent = (
        "import os, pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"with open({str(said)!r}, 'a') as file: file.write(f'{{os.getpid()}} {{child.pid}}\\n')\n"
        "time.sleep(60)\n"
    )
    kept = subprocess.Popen(["sh", KEEP, sys.executable, "-c", parent], start_new_session=True)

    def starts(count: int) -> list[list[int]]:
        lines = said.read_text().splitlines() if said.exists() else []
        return [[int(pid) for pid in line.split()] for line in lines] if len(lines) >= count else []

    try:
        ((first, orphan),) = eventually(lambda: starts(1), "the first start")
        os.kill(first, signal.SIGKILL)
        second = eventually(lambda: starts(2), "the second start")[1]
        assert not runs(orphan)
        assert all(runs(pid) for pid in second)
    finally:
        os.killpg(kept.pid, signal.SIGKILL)
        kept.wait()
