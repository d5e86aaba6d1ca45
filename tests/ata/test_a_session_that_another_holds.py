"""A session file that another process keeps is waited for in bounds."""

from __future__ import annotations

import fcntl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ata.errors import AtaError
from ata.session.session_file import SessionStore

PATIENCE_S = 20


def test_the_wait_for_another_process_ends_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ata.session.session_file.LOCK_WITHIN_S", 0.2, raising=False)
    store = SessionStore(tmp_path / "session.json")

    def hold() -> None:
        with store.locked():
            pass

    hold()
    kept = (tmp_path / "session.json.lock").open("a")
    fcntl.flock(kept, fcntl.LOCK_EX)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(hold)
        try:
            with pytest.raises(AtaError, match="held the session file") as refused:
                waiting.result(PATIENCE_S)
        finally:
            kept.close()  # who still waits, goes on
    assert refused.value.code == "session_busy" and "hangs" in refused.value.fix
    hold()
