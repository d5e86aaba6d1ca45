"""`ata witness --follow` beside the running portal computes the log, and cosigns what it has."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from audit.ledger import cosignature, note
from tests.stories.house import House
from tests.support.stack import CHECKOUT, Stack, eventually

HAPPENS = """
from audit.recording.actors import SYSTEM
from audit.recording.record import record
record(SYSTEM, "external.happened")
"""


def fetched(url: str) -> str:
    """What stands at an address of the portal, however busy the machine is."""
    return httpx.get(url, trust_env=False, timeout=60).text


@contextmanager
def witnessing(stack: Stack, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The auditor's process: it has the log's key and its public address, and nothing else."""
    key = folder / "log.key"
    key.write_text(fetched(f"{stack.portal}/log/key"))
    command = ["witness", "--name", "auditor.example/w", "--vkey", str(key), "--port", "0"]
    command += ["--folder", str(folder / "w"), "--follow", f"{stack.portal}/log", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "ata", *command],
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONUTF8": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The next line that the process prints."""
    assert process.stdout
    told: dict[str, Any] = json.loads(process.stdout.readline())
    return told


def test_it_computes_the_log_cosigns_it_and_goes_on_after_a_kill(
    stack: Stack, tmp_path: Path
) -> None:
    log = f"{stack.portal}/log/checkpoint"
    with witnessing(stack, tmp_path) as process:
        running, first = said(process), said(process)
        assert first["ok"] and first["size"] == first["new"] > 0
        signed = fetched(log)
        alone = f"old 0\n\n{signed}".encode()
        reply = httpx.post(
            f"{running['url']}/add-checkpoint", content=alone, trust_env=False, timeout=60
        )
        assert reply.status_code == 200, reply.text
        cosigned = note.add_signature(signed, reply.text)
        (mine,) = cosignature.verify(cosigned, [running["vkey"]])
        assert mine.key.name == "auditor.example/w"
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    # A refusal would be an event only where none like it was a few minutes ago.
    done = stack.run("manage.py", "shell", "--verbosity", "0", "-c", HAPPENS)
    assert done.returncode == 0, done.stderr
    eventually(lambda: fetched(log) != signed, "the log to grow")
    with witnessing(stack, tmp_path) as process:
        again, grown = said(process), said(process)
        assert again["vkey"] == running["vkey"]
        assert 0 < grown["new"] < grown["size"]  # what it had computed was not fetched anew


def test_with_the_session_of_an_auditor_it_reads_every_entry_of_the_running_log(
    house: House, tmp_path: Path
) -> None:
    ata = house.command_line("auditor").signed_in()
    key = tmp_path / "log.key"
    key.write_text(fetched(f"{house.stack.portal}/log/key"))
    command = ("witness", "--vkey", str(key), "--folder", str(tmp_path / "w"), "--once", "--json")
    follow = ("--follow", f"{house.stack.portal}/log", "--entries")
    told = ata(*command, *follow)
    assert told.returncode == 0, told.stdout + told.stderr
    seen = json.loads(told.stdout.splitlines()[-1])
    assert seen["ok"] and seen["read"] == seen["size"] > 0
    told = house.command_line("member1").signed_in()(
        *command[:-3], str(tmp_path / "m"), *command[-2:], *follow
    )
    assert told.returncode == 1 and "not_permitted" in told.stdout + told.stderr
