"""Every way in is known, and none leads to a decision but through the one pipeline (DESIGN 1.3).

A new route, operation, command, task or loop fails here until somebody says what it may do, and
fails again when its code can do more than that.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.core.management import get_commands
from django.urls import get_resolver

from approvals import registry
from portal.loops import loops
from portal.v1.routers import api
from tests.attacks.sign_in.doors import doors
from tests.house import code
from tests.house.event_recorders import RECORDERS
from tests.house.row_writers import ONLY, WRITERS
from tests.house.ways_in import COMMANDS, LOOPS, OPERATIONS, ROUTES

COMMIT = "approvals.pipeline.commit.commit_now"
RECORD = {
    "audit.recording.record.record",
    "audit.recording.record.write",
    "audit.ingest.bulk_event_writer.Ingest",
}
SAFE = {"GET", "HEAD"}


def does(start: str) -> str:
    """What code can lead to: `decides`, `records`, or nothing of both."""
    reached = code.reach(start)
    if COMMIT in reached:
        return "decides"
    return "records" if RECORD & reached else ""


def assert_is(name: str, start: str, said: str) -> None:
    """Hold what is said about a way in to what its code can do."""
    found = does(start)
    assert (found or said in {"keeps", "reads"}) and found in {said, ""}, (
        f"{name} is said to be one that {said}, and {start} {found or 'writes no event'}"
    )


def methods_of(view: Any) -> set[str] | None:
    """What `require_http_methods` lets through; None where nothing restricts it."""
    seen: set[int] = set()
    todo = [view]
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        names = getattr(getattr(one, "__code__", None), "co_freevars", ())
        for name, cell in zip(names, getattr(one, "__closure__", None) or (), strict=False):
            if name == "request_method_list":
                return set(cell.cell_contents)
            if callable(cell.cell_contents):
                todo.append(cell.cell_contents)
        if inner := getattr(one, "__wrapped__", None):
            todo.append(inner)
    return None


def start_of(view: Any) -> str:
    """The function or class of ours behind a view."""
    found = getattr(view, "view_class", view)
    return f"{found.__module__}.{found.__name__}"


def pages() -> Iterator[tuple[str, Any]]:
    """Every route that is not the API's."""
    for door in doors():
        if not door.pattern.startswith("v1/"):
            yield door.pattern, door.view


def test_every_page_that_can_write_is_listed_and_does_no_more_than_is_said() -> None:
    writing = {}
    for pattern, view in pages():
        methods = methods_of(view)
        if methods is None or methods - SAFE or does(start_of(view)):
            writing[pattern] = start_of(view)
    assert writing.keys() - ROUTES.keys() == set(), "say in ways_in.py what these do"
    assert ROUTES.keys() - writing.keys() == set(), "these are no more, or write nothing"
    for pattern, start in writing.items():
        assert_is(f"/{pattern}", start, ROUTES[pattern][0])


def operations() -> Iterator[tuple[str, Any]]:
    """Every operation of the API; its routers are joined when the addresses are built."""
    assert get_resolver().url_patterns
    for prefix, router in api._routers:
        base = "/".join(part for part in ("/v1", prefix.strip("/")) if part)
        for path, view in router.path_operations.items():
            for operation in view.operations:
                for method in operation.methods:
                    yield f"{method} {base}{path}", operation.view_func


def test_every_operation_that_can_write_is_listed_and_does_no_more_than_is_said() -> None:
    writing = {
        name: start_of(view)
        for name, view in operations()
        if not name.startswith("GET ") or does(start_of(view))
    }
    assert writing.keys() == OPERATIONS.keys()
    for name, start in writing.items():
        assert_is(name, start, OPERATIONS[name][0])


def test_every_command_is_listed_and_none_decides() -> None:
    ours = {app.name for app in apps.get_app_configs() if app.name.split(".")[0] in code.ROOMS}
    found = {name: room for name, room in get_commands().items() if room in ours}
    assert found.keys() == COMMANDS.keys()
    for name, room in found.items():
        start = f"{room}.management.commands.{name}.Command"
        assert does(start) != "decides", f"{name} commits what nobody was asked"
        assert_is(name, start, COMMANDS[name][0])


def test_every_loop_of_the_worker_is_listed_and_does_no_more_than_is_said() -> None:
    assert loops().keys() == LOOPS.keys()
    for name, (start, said, _) in LOOPS.items():
        assert_is(name, start, said)
    used = {start for start, _, _ in LOOPS.values()}
    told = ast.unparse(code.modules()["portal.loops"])
    assert all(start.rpartition(".")[2] in told for start in used)


@pytest.mark.parametrize("name", ONLY)
def test_the_steps_of_the_pipeline_are_taken_by_nobody_else(name: str) -> None:
    assert code.users(name) == set(ONLY[name])


def test_every_module_that_writes_events_is_a_named_recorder() -> None:
    found: dict[str, set[str]] = {}
    for maker in ("audit.recording.record.record", "audit.recording.record.Draft"):
        for place, call in code.calls(maker):
            if place.module != "audit.recording.record":
                found.setdefault(place.module, set()).add(_action(call))
    assert found == {module: set(actions) for module, (actions, _) in RECORDERS.items()}


def _action(call: ast.Call) -> str:
    given = [*call.args[1:2], *(k.value for k in call.keywords if k.arg == "action")]
    match given:
        case [ast.Constant(value=str(action))]:
            return action
        case [ast.JoinedStr(values=parts)]:
            return "".join(str(p.value) if isinstance(p, ast.Constant) else "*" for p in parts)
    return "*"


def test_a_recorder_of_facts_writes_no_event_of_a_decision() -> None:
    decided = {registry.get(name).event for name in registry.names()}
    named = {
        "connections.consent.connect_flow",
        "connections.component_manifests.manifest_store",
        "enforcement.decisions.fleet_codes",
    }  # say why in RECORDERS
    for module, (actions, _) in RECORDERS.items():
        if module not in named:
            assert not decided & set(actions), module


def test_a_recorder_that_names_its_events_at_run_time_cannot_name_a_decision() -> None:
    """Those outside the pipeline: their names begin with something of their own, or are listed."""
    decided = {registry.get(name).event for name in registry.names()}
    free = {module for module, (actions, _) in RECORDERS.items() if "*" in actions}
    pipeline = {module for module in free if module.startswith("approvals.")}
    assert free - pipeline == {
        "audit.ingest.reported_events",
        "audit.importing.changed_rows",
        "connections.broker.token_broker",
        "accounts.anonymous_events",
    }
    strange = {
        _action(call) for _, call in code.calls("accounts.anonymous_events.record_anonymous")
    }
    assert strange == {"access.refused", "breakglass.used", "operator.sign_in_failed"}
    from audit.importing import changed_rows
    from audit.ingest import reported_events

    assert not changed_rows.ACTION.startswith(tuple(decided))
    literals = {
        node.value
        for _, node in code.walk("connections.broker.token_broker")
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert not decided & literals
    told = ast.unparse(code.modules()[reported_events.__name__])
    assert "external." in told


def test_every_module_that_writes_rows_is_listed_with_what_it_writes() -> None:
    found = {module: " ".join(sorted(code.written(module))) for module in code.modules()}
    writing = {module: kinds for module, kinds in found.items() if kinds}
    said = {module: kinds for module, (kinds, _) in WRITERS.items()}
    assert writing == said


def test_a_verb_is_committed_held_and_released_by_the_pipeline_alone() -> None:
    """Nobody calls a verb's own functions past `commit_now`, `place_hold` and `release_hold`."""
    allowed = {"approvals.pipeline.commit", "approvals.pipeline.target_holds"}
    for module in code.modules():
        for place, node in code.walk(module):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            whose, what = node.func.value, node.func.attr
            named = isinstance(whose, ast.Name) and whose.id == "verb"
            if named and what in {"commit", "hold", "release"}:
                assert module in allowed, place


def test_a_page_that_catches_a_refusal_tells_the_trail() -> None:
    """The API has one place for it; pages answer with a way back that no status gives away."""
    silent = []
    for module in code.modules():
        if ".views." not in module and not module.startswith(("accounts.", "portal.")):
            continue
        for place, node in code.walk(module):
            if not (isinstance(node, ast.ExceptHandler) and node.name and node.type):
                continue
            if "Refused" in ast.unparse(node.type).replace("TokenRefused", ""):
                told = ast.unparse(node)
                if "tell(" not in told and "note_refused(" not in told:
                    silent.append(str(place))
    assert silent == ["accounts.views.sign_in_and_sign_out.Callback.get"], (
        "sign-ins tell by themselves"
    )


def test_these_rules_would_notice() -> None:
    """The reader of code finds what is there: else every rule above would hold for nothing."""
    assert does("approvals.api.post_decision_and_requests.decide") == "decides"
    assert does("accounts.sign_in_errors.failed") == "records"
    assert does("audit.views.log.public_tiles_and_checkpoints.checkpoint") == ""
    assert "approvals.pipeline.service" in code.users(COMMIT)
    assert methods_of(dict(pages())["enforcement/fleet/"]) == SAFE
    assert methods_of(dict(pages())["account/sessions/end-others/"]) == {"POST"}
    assert code.written("approvals.pipeline.service") == {"Approval"}
