"""Manifests and lines that make no sense, signed by the log's key: each is refused in words."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from audit.ledger.audit_file_format import signed_manifest as manifests
from audit.ledger.audit_file_format.audit_file_check import check
from audit.ledger.audit_file_format.zip_members import ZipMembers
from audit.ledger.format.canonical import canonical
from audit.ledger.key_transitions.key_statements_in_exports import MEMBER
from audit.ledger.packs.pack_check import Roots
from tests.ata.ata_process import Ata
from tests.audit_files.audit_world import World, packed, signed_again, unpacked
from tests.packs.act import log_policy

pytestmark = pytest.mark.django_db


def no_tables(manifest: dict[str, Any]) -> None:
    manifest["tables"] = []


def tree_is_a_list(manifest: dict[str, Any]) -> None:
    manifest["tree"] = []


def a_pack_again(manifest: dict[str, Any]) -> None:
    manifest["packs"] *= 50


def a_pack_that_is_absent(manifest: dict[str, Any]) -> None:
    manifest["packs"].append("evidence/items-999.zip")


def a_pack_that_is_not_named(manifest: dict[str, Any]) -> None:
    manifest["packs"] = []


def a_policy_that_is_not_listed(manifest: dict[str, Any]) -> None:
    del manifest["policies"][0]


def a_sample_that_is_absent(manifest: dict[str, Any]) -> None:
    manifest["tables"][0]["sample"] = "samples/none.json"


def many_tables(manifest: dict[str, Any]) -> None:
    one = manifest["tables"][-1]
    manifest["tables"] += [one | {"id": f"more-{n}"} for n in range(100)]


def a_table_again(manifest: dict[str, Any]) -> None:
    manifest["tables"].append(manifest["tables"][-1])


def a_review_again(manifest: dict[str, Any]) -> None:
    name = "reviews/01a22a82-1c88-7f42-9505-4d1c24e5eb31.ndjson"
    manifest["reviews"] = [{"member": name, "index": 3}] * 2


def a_period_of_nothing(manifest: dict[str, Any]) -> None:
    period = manifest["period"]
    manifest["period"] = {"after": period["before"], "before": period["after"]}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (no_tables, "It has no table"),
        (tree_is_a_list, "Its fields have another form"),
        (a_pack_again, "a review twice"),
        (a_pack_that_is_absent, "are not its members"),
        (a_pack_that_is_not_named, "are not its members"),
        (a_sample_that_is_absent, "are not its members"),
        (a_policy_that_is_not_listed, "a policy that it does not list"),
        (many_tables, "more than 100 tables"),
        (a_table_again, "two tables of one id"),
        (a_review_again, "It names a review twice"),
        (a_period_of_nothing, "Its period ends before it begins"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(
    world: World, ata: Ata, change: Callable[[dict[str, Any]], object], says: str
) -> None:
    members = signed_again(unpacked(world.file()), change)
    result = ata.here("verify", world.save(packed(members)), *world.keys())
    assert result.exit_code == 1, result.output
    assert says in result.output
    assert "✗ NOT verified. Failed: The manifest can be read." in result.output, result.output


STRANGE: tuple[Any, ...] = (None, True, -1, 10**15, "", "x", [], {}, [{}])


def places(node: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value in a document; of a list, to its first one."""
    if at:
        yield at
    items: dict[Any, Any] = {}
    if isinstance(node, dict | list):
        items = node if isinstance(node, dict) else dict(enumerate(node[:1]))
    for key, value in items.items():
        yield from places(value, (*at, key))


def with_other_types(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The document with each of its values in turn replaced by each strange one."""
    for *way, last in places(document):
        for value in STRANGE:
            changed = copy.deepcopy(document)
            node = changed
            for key in way:
                node = node[key]
            node[last] = value
            yield changed


def replacing(by: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    def replace(manifest: dict[str, Any]) -> None:
        manifest.update(by)

    return replace


def test_no_value_of_another_type_ends_the_check_with_a_traceback(world: World) -> None:
    members = unpacked(world.file())
    header, *lines = members[manifests.RANGE].splitlines(keepends=True)
    opened = next(at for at, line in enumerate(lines) if json.loads(line).get("openings"))
    manifest = json.loads(members[manifests.MANIFEST]) | {MEMBER: []}
    files = [signed_again(members, replacing(one)) for one in with_other_types(manifest)]
    for changed in with_other_types(json.loads(lines[opened])):
        others = [*lines[:opened], canonical(changed) + b"\n", *lines[opened + 1 :]]
        files.append(signed_again(members | {manifests.RANGE: b"".join([header, *others])}))
    roots = Roots(log_policy())
    assert check(ZipMembers(io.BytesIO(packed(members))), roots).origin
    for one in files:
        verdict = check(ZipMembers(io.BytesIO(packed(one))), roots).verdict
        assert verdict.words, verdict
