"""A lock file that another process keeps is waited for in bounds, and the wait says whose it is."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from approvals.erasure import erasure_list_file
from audit.evidence import subject_keys
from audit.evidence.subject_keys import EvidenceError

PATIENCE_S = 20


def replace_keys() -> None:
    with subject_keys.held():
        pass


def list_an_erasure() -> None:
    erasure_list_file.add("a" * 64, 7)


WAITS: list[tuple[Callable[[], None], Callable[[], Path], type[Exception]]] = [
    (replace_keys, lambda: subject_keys.path_of(".lock"), EvidenceError),
    (list_an_erasure, erasure_list_file.path, TimeoutError),
]


@pytest.mark.parametrize(("wait", "path", "error"), WAITS, ids=["keys", "erasures"])
def test_a_lock_that_another_process_keeps_ends_the_wait_with_a_reason(
    settings: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wait: Callable[[], None],
    path: Callable[[], Path],
    error: type[Exception],
) -> None:
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr("audit.db.durable_files.LOCK_WITHIN_S", 0.2, raising=False)
    path().parent.mkdir(parents=True, exist_ok=True)
    kept = path().open("a")
    fcntl.flock(kept, fcntl.LOCK_EX)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait)
        try:
            with pytest.raises(error, match="another process held"):
                waiting.result(PATIENCE_S)
        finally:
            kept.close()  # who still waits, goes on
    wait()
