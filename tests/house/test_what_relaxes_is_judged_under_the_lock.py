"""Whatever relaxes a restriction is judged under the lock of what it relaxes.

A right that was judged before the row was locked may be gone when it is written. A new caller of
these functions fails here, until somebody has said where it is judged.
"""

from __future__ import annotations

import ast
from typing import Final

import pytest

from tests.house import code

CHECKED: Final = "calls restrictions.check before, with the row locked"
PIPELINE: Final = "a commit: the pipeline judged it again after it took the locks"
OWN: Final = "ends what its own request placed, and nothing else"
NOBODY: Final = "no decision of a person: what Auth0 or the installation says"
CONFIRMED: Final = "the doctor, after an admin of the machine confirmed it"
RELAXED_BY: Final = {
    "connections.lifecycle.restriction_stack.lift": {
        "connections.lifecycle.connect_revoke_suspend_resume._resume": CHECKED,
        "connections.lifecycle.connect_revoke_suspend_resume.begin_revocation": "comes at once",
        "connections.sync.update_accounts._came_back": NOBODY,
    },
    "connections.lifecycle.restriction_stack.lift_suspensions": {
        "connections.lifecycle.connect_revoke_suspend_resume._resume": CHECKED
    },
    "connections.lifecycle.restriction_stack.let_in_again": {
        "connections.lifecycle.connect_revoke_suspend_resume._resume": CHECKED
    },
    "connections.lifecycle.restriction_stack.lift_hold": {
        "connections.lifecycle.suspend_and_hold.release_holds": OWN
    },
    "enforcement.decisions.stored_decisions_and_holds.decide": {
        "enforcement.decisions.block_allow_hold._Final.__call__": PIPELINE
    },
    "enforcement.decisions.stored_decisions_and_holds.release": {
        "enforcement.decisions.block_allow_hold._release_own": OWN
    },
    "enforcement.decisions.stored_decisions_and_holds.release_all": {
        "enforcement.decisions.block_allow_hold._release_by_hand": PIPELINE
    },
    "connections.component_manifests.manifest_store.write": {
        "connections.component_manifests.declare_and_remove._declare": PIPELINE
    },
    "connections.component_manifests.manifest_store.remove": {
        "connections.component_manifests.declare_and_remove._remove": PIPELINE
    },
    "connections.component_manifests.manifest_store.put_in_force": {
        "portal.ops.doctor_checks.manifest_gains_without_approval._restore": CONFIRMED
    },
    "connections.component_manifests.manifest_store.declare_shipped": {
        "connections.management.commands.declare_manifests.Command.handle": NOBODY
    },
}


@pytest.mark.parametrize("relaxes", RELAXED_BY)
def test_every_caller_of_what_relaxes_is_listed_with_where_it_is_judged(relaxes: str) -> None:
    home = relaxes.rpartition(".")[0]
    callers = {str(place) for place, _ in code.calls(relaxes) if place.module != home}
    assert callers == set(RELAXED_BY[relaxes])


@pytest.mark.parametrize(
    "place",
    sorted({at for by in RELAXED_BY.values() for at, how in by.items() if how == CHECKED}),
)
def test_what_is_said_to_check_locks_and_checks_before_it_relaxes(place: str) -> None:
    module, _, function = place.rpartition(".")
    (body,) = [
        node
        for node in ast.walk(code.modules()[module])
        if isinstance(node, ast.FunctionDef) and node.name == function
    ]
    order = [
        (node.lineno, ast.unparse(node.func))
        for node in ast.walk(body)
        if isinstance(node, ast.Call)
    ]
    first = {name: min(line for line, called in order if called == name) for _, name in order}
    relaxing = min(
        line for line, called in order if f"connections.lifecycle.{called}" in RELAXED_BY
    )
    assert first["_locked"] < first["restriction_stack.check"] < relaxing


def test_the_pipeline_judges_after_its_locks_and_before_it_commits() -> None:
    """With an approval and without one."""
    for module, function, judges in (
        ("approvals.pipeline.service", "_commit", "_judged_again"),
        ("approvals.pipeline.final_approval", "approve", "no_longer_true"),
    ):
        calls = [
            (ast.unparse(node.func).rpartition(".")[2], node)
            for place, node in code.walk(module)
            if place.function == function and isinstance(node, ast.Call)
        ]
        begins = {name: node.lineno for name, node in reversed(calls)}
        ends = {name: node.end_lineno or 0 for name, node in calls}
        locks = begins.get("_lock", begins.get("lock", 0))
        commits = ends.get("commit_now", ends.get("_commit", 0))
        assert 0 < locks < begins[judges] < commits, function
