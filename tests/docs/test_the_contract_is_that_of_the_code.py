"""docs/contract.md lists what is built, by name: no more and no less."""

from __future__ import annotations

import json
import re

from approvals import registry
from audit.ledger.query.filter_keys import KEYS
from portal.env import Env
from portal.v1.routers import api
from scripts import contract
from tests.compatibility.surface import addresses


def section(title: str) -> str:
    return contract.PAGE.read_text().partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_the_page_is_what_the_code_says() -> None:
    assert contract.PAGE.read_text() == contract.page(), "run `python -m scripts.contract`"


def test_settings_keys_and_calls_are_those_of_their_registries() -> None:
    said = section("Environment")
    assert all(f"| `{name}` |" in said for name in Env.model_fields)
    said = section("Filter")
    assert all(f"| `{name}` |" in said for name in KEYS)
    said = section("API")
    for path, methods in json.loads(json.dumps(api.get_openapi_schema(), default=str))[
        "paths"
    ].items():
        assert all(f"`{method.upper()} {path}`" in said for method in methods)
    said = section("Names")
    for verb in registry.names():
        family, _, act = verb.partition(".")
        line = next(line for line in said.splitlines() if line.startswith(f"- `{family}.`"))
        assert f"`{act}`" in line


def test_every_address_is_listed_under_its_first_part() -> None:
    pages = {re.sub(r"<\w+:", "<", line.split()[0]) for line in addresses()}
    listed = set()
    for line in section("Addresses").strip().splitlines():
        top, *rests = line.removeprefix("- ").replace("`", "").split(" · ")
        listed |= {top} | {top.removesuffix("…") + rest for rest in rests}
    elsewhere = {page for page in pages if page.startswith("/v1/")}
    assert {one for one in listed if not one.endswith("…")} == pages - elsewhere


def test_a_name_that_goes_or_comes_changes_the_page() -> None:
    assert contract._families(["skill.block", "skill.hold"]) != contract._families(["skill.block"])
    assert contract._families(["skill.block"]) == "- `skill.` `block`"
