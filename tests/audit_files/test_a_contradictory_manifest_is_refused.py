"""Manifests that contradict themselves, signed by the log's key: each is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.ata.ata_process import Ata
from tests.audit_files.audit_world import World, packed, signed_again, unpacked

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
