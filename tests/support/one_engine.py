"""A pytest plugin for the run on PostgreSQL: leave out what would ask nothing that is not asked.

Every query of the product is asked on SQLite and on PostgreSQL. A test all of whose queries other
tests ask there too need not ask them twice: it is listed in `one_engine.txt`, by function and
without its parameters. Nor need one whose processes have an SQLite of their own (`OWN_FILE`). What
is new runs on both until `tests.support.asked` measures again. Tests of locks, several connections
or processes, search, triggers and verification are never listed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

LIST = Path(__file__).with_name("one_engine.txt")
OWN_FILE = frozenset(
    {
        "tests/audit/test_a_restore_is_adopted_or_refused.py::"
        "test_a_live_log_is_copied_restored_verified_and_an_old_copy_signs_only_once_adopted",
        "tests/audit/test_import_command.py::"
        "test_a_killed_process_leaves_a_state_that_the_next_one_finishes",
        "tests/audit/test_sequencer_survives_being_killed.py::"
        "test_a_log_whose_writers_are_killed_at_random_still_holds",
        "tests/audit/test_verify_opens_every_entry_each_time.py::"
        "test_several_processes_say_what_one_says",
    }
)
"""All that they ask is asked by processes with an SQLite file of their own, in whatever run."""


def listed() -> frozenset[str]:
    """Names as in `tests/ui/test_home.py::test_it_opens`."""
    return frozenset(LIST.read_text().split())


def function_of(nodeid: str) -> str:
    """The name of a test without its parameters."""
    return nodeid.partition("[")[0]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what is listed; a line that names nothing in a file that was read is an error."""
    names = listed() | OWN_FILE
    there = {function_of(item.nodeid) for item in items}
    files = {name.partition("::")[0] for name in there}
    gone = {name for name in names - there if name.partition("::")[0] in files}
    if gone:
        raise pytest.UsageError(f"{LIST.name} names what is no test: {', '.join(sorted(gone))}")
    left_out = [item for item in items if function_of(item.nodeid) in names]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if function_of(item.nodeid) not in names]
