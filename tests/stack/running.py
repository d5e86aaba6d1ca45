"""What the running house survives: a killed worker, garbage in the broker's folder."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx

from tests.stories.house import House, fresh
from tests.support.stack import Stack, eventually


def processes(stack: Stack, program: str) -> set[int]:
    """Processes of this stack (and of no other) that run a program of our environment."""
    mark = f"VAR_DIR={stack.var_dir}".encode()
    return {
        int(folder.name)
        for folder in Path("/proc").iterdir()
        if folder.name.isdecimal() and _runs(folder, f"/{program}".encode(), mark)
    }


def _runs(folder: Path, program: bytes, mark: bytes) -> bool:
    try:
        command = (folder / "cmdline").read_bytes().split(b"\0")
        environment = (folder / "environ").read_bytes().split(b"\0")
    except OSError:  # it ended while we looked
        return False
    # A script of a virtual environment runs as `python …/bin/celery`; `sh keep.sh …` does not.
    return any(word.endswith(program) for word in command[:2]) and mark in environment


def test_a_killed_first_start_is_taken_up_where_it_stopped(house: House) -> None:
    assert house.stack.output.count("Sample history …") == 2
    (rows,) = house.stack.rows(
        "SELECT count(*) AS n, count(DISTINCT row_id) AS ids FROM audit_importedrow"
    )
    assert rows["n"] == 2000
    assert (house.stack.var_dir / "first-start-done").exists()


def test_a_killed_worker_comes_back_and_goes_on(house: House) -> None:
    before = processes(house.stack, "celery")
    assert before
    for process in before:
        os.kill(process, signal.SIGKILL)
    skill = fresh("while-dead")
    house.stack.drop_malicious_skill(skill)
    eventually(lambda: processes(house.stack, "celery") - before, "a new worker")
    eventually(
        lambda: skill in house.stack.enforced("laptop-mia"), "the hold that the new worker wrote"
    )
    assert httpx.get(f"{house.stack.portal}/readyz").status_code == 200
