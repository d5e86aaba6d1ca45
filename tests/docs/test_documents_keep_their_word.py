"""Documents name files, tests, settings, calls and codes; each of them has to exist."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from approvals import registry
from audit.ledger import inclusion_proof_file, merkle
from audit.ledger.format import entry
from audit.ledger.query import KEYS
from portal.env import SECRETS, Env
from portal.v1.routers import api

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")], key=lambda p: p.relative_to(ROOT)
)
MOST_BYTES = 150 * 1024
_LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")


def text_of(name: str) -> str:
    return (ROOT / name).read_text()


def anchors(markdown: str) -> set[str]:
    """Anchors of the headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", markdown, re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", title.lower()) for title in titles)
    return {title.replace(" ", "-") for title in plain}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    for path, anchor in _LINK.findall(document.read_text()):
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{document.name} links to {path}"
        if anchor:
            assert anchor in anchors(target.read_text()), f"{document.name} links to #{anchor}"


def test_pictures_are_small_and_all_are_shown() -> None:
    pictures = sorted((ROOT / "docs" / "img").iterdir())
    shown = "".join(document.read_text() for document in DOCUMENTS)
    assert pictures
    for picture in pictures:
        assert picture.stat().st_size <= MOST_BYTES, picture.name
        assert f"img/{picture.name}" in shown


def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def named_tests() -> Iterator[tuple[str, str]]:
    found = re.findall(r"`((?:\w+/)+test_\w+\.py)(?:::(\w+))?`", text_of("THREAT_MODEL.md"))
    assert len(found) > 50
    yield from found


def test_every_claim_names_a_test_that_exists() -> None:
    missing = [
        f"{path}::{name}"
        for path, name in named_tests()
        if not (ROOT / "tests" / path).exists()
        or (name and name not in functions_of(ROOT / "tests" / path))
    ]
    assert not missing


def test_no_claim_is_without_a_test() -> None:
    claims = text_of("THREAT_MODEL.md").partition("## Claims")[2].partition("\n## ")[0]
    rows = [line for line in claims.splitlines() if re.match(r"\| (?!claim \|)[^-]", line)]
    assert len(rows) > 50
    assert [row[:80] for row in rows if not re.search(r"`[\w/]+/test_\w+\.py", row)] == []


def test_every_setting_is_documented_and_no_other() -> None:
    table = text_of("docs/deploy.md").partition("## Environment")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == set(Env.model_fields)
    assert all(f"`{secret}`" in table for secret in SECRETS)


def test_every_call_of_the_api_is_listed() -> None:
    said = text_of("docs/api.md")
    for path in api.get_openapi_schema()["paths"]:
        stem, _, rest = path.partition("/{")
        assert stem in said, path
        tail = rest.rpartition("}/")[2] if "}/" in rest else ""
        assert not tail or tail.startswith("{") or tail in said, path


def test_every_verb_is_listed() -> None:
    said = text_of("docs/api.md").partition("Verbs:")[2].partition("\n\n")[0]
    for verb in registry.names():
        kind, _, act = verb.partition(".")
        shown = verb in said or (f"`{kind}`" in said and f"`{act}`" in said)
        # Written by the connect flow only: its parameter names a sealed answer.
        assert shown or verb == "connection.connect", verb


def sources() -> Iterator[Path]:
    for folder in (
        *("accounts", "api", "approvals", "audit/api"),
        *("connections", "enforcement", "portal/ops"),
    ):
        yield from (path for path in (ROOT / folder).rglob("*.py") if "views" not in path.parts)


def test_every_code_that_the_api_can_answer_is_in_the_table_of_errors() -> None:
    table = text_of("docs/api.md").partition("## Errors")[2]
    called = {"Problem": 1, "TokenRefusal": 1, "Refused": 0}
    codes: set[str] = set()
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                place = called.get(node.func.id)
                if place is not None and len(node.args) > place:
                    said = node.args[place]
                    if isinstance(said, ast.Constant) and isinstance(said.value, str):
                        codes.add(said.value)
    assert "not_permitted" in codes and "reconnect_required" in codes
    assert {code for code in codes if f"`{code}`" not in table} == set()


def test_every_code_in_the_table_of_errors_is_one_that_the_code_knows() -> None:
    table = text_of("docs/api.md").partition("## Errors")[2]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| ")]
    said = {code for row in rows for code in re.findall(r"`([a-z]+_?[a-z_]*[a-z])`", row[2])}
    written = "".join(path.read_text() for path in sources())
    made_of_a_kind = {"skill_blocked", "skill_held"}
    assert len(said) > 40
    assert {code for code in said - made_of_a_kind if f'"{code}"' not in written} == set()


def test_every_key_of_the_filter_language_is_explained() -> None:
    section = text_of("docs/auditors.md").partition("## Filtering")[2].partition("\n## ")[0]
    assert {key for key in KEYS if f"`{key}`" not in section} == set()


def test_the_worked_example_of_the_format_is_right() -> None:
    document = text_of("docs/ledger-format.md")
    found = re.search(r"```json\n(.+)\n```", document)
    assert found is not None
    body = found[1].encode()
    assert entry.parse(body) == json.loads(body)
    assert f"| {len(body)} bytes |" in document
    assert merkle.leaf_hash(body).hex() in document
    key = re.search(r"verifier key `(.+?)`", document)
    example = document.partition("proof file is:")[2]
    shown = re.search(r"```\n(.+?)```", example, re.DOTALL)
    assert key is not None and shown is not None
    assert inclusion_proof_file.verify(shown[1], body, [key[1]]).size == 1


def test_every_path_that_contributing_names_exists() -> None:
    named = set(re.findall(r"`([\w.-]+(?:/[\w.-]+)+)`", text_of("CONTRIBUTING.md")))
    assert len(named) > 15
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_no_document_names_a_machine() -> None:
    for document in (*DOCUMENTS, ROOT / "LICENSE"):
        found = re.search(r"(?<![\w.:/])/(?:work|root|home|tmp|Users)/", document.read_text())
        assert found is None, f"{document.name}: {found and found[0]}"
