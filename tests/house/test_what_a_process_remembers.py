"""Whatever a process keeps of calls is forgotten after an erasure, or says why it need not be."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from audit.erasure import process_caches
from tests.house.code import modules

FORGOTTEN: Final = {
    "approvals.policy.policy_in_force._kept": "versions of the policy",
    "audit.evidence.storage._kept": "evidence that was read",
    "audit.ledger.format.commitment.subject_key": "subject keys",
    "audit.ledger.issuer_token_verification._verified": "sign-in tokens that were verified",
    "audit.search.index_tokens.value_token": "words and filter values",
    "audit.search.index_tokens._of_kind": "words and filter values",
}
"""Function -> the name under which it is registered."""
OTHERS: Final = {
    "connections to the database",
    "addresses that Python parsed",
    "patterns that Python compiled",
}
"""What is kept otherwise than by a decorator."""

_SETTINGS = "clients and settings of ours"
_SHAPES = "names of tables and columns"
HOLD_NOBODY: Final = {
    "approvals.auth0_clients.auth0": _SETTINGS,
    "approvals.auth0_clients.outbound": _SETTINGS,
    "approvals.notifications.webhook._http": _SETTINGS,
    "audit.db.bulk_insert._insert": _SHAPES,
    "audit.db.bulk_insert._converters": _SHAPES,
    "audit.db.bulk_insert._fields": _SHAPES,
    "audit.exports.line_block_cache._maker": "a digest of our code",
    "enforcement.gateways.health_checks._pool": "threads",
    "audit.importing.secret_masking.fingerprint": "a digest of our code",
    "audit.packs.build.tile": "lives as long as a pack is built",
    "audit.search.index_tokens._of_way": "codes",
    "connections.access_reviews.frozen_account_list.excess": "lives as long as a list is taken",
    "audit.keys.keyring._parsed": "public keys",
    "audit.ledger.format.fields._is_time": "times",
    "audit.ledger.query.text_search._paths": "paths of fields",
    "audit.packs.verify_html.verifier": "a page of ours",
    "audit.erasure.process_caches._place": "a path of ours",
    "audit.proofs.timestamping._http": _SETTINGS,
    "audit.proofs.timestamping._roots": _SETTINGS,
    "audit.search.index_tokens._time_tokens": "hours",
    "audit.witnesses.configuration._read": _SETTINGS,
    "audit.witnesses.exchange._http": _SETTINGS,
    "enforcement.gateways.client._http": _SETTINGS,
    "enforcement.gateways.credentials.tls_files._context": _SETTINGS,
    "http_client.proxies_and_authorities._shared": "certificates that everybody trusts",
    "portal.v1.docs._schema": "our own document",
    "portal.v1.docs.document": "our own document",
    "portal.v1.docs._listing": "our own document",
    "portal.env._names": _SETTINGS,
    "portal.env._networks": _SETTINGS,
    "portal.pages.context.version": "our version",
    "ui.icons.symbols": "our own drawings",
    "portal.pages.navigation.exists": "addresses of our own pages",
    "ui.templatetags.ata.scope": "scopes in words",
}


def kept() -> set[str]:
    """Every function of the rooms whose answers are kept, by a decorator or by an assignment."""
    return {
        f"{module}.{name}"
        for module, tree in modules().items()
        for node in ast.walk(tree)
        for name in _keeps(node)
    }


def _keeps(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef) and any(map(_is_cache, node.decorator_list)):
        yield node.name
    called = node.value if isinstance(node, ast.Assign) else None
    if isinstance(node, ast.Assign) and isinstance(called, ast.Call) and _is_cache(called.func):
        yield ast.unparse(node.targets[0]).rpartition(".")[2]


def _is_cache(made: ast.expr) -> bool:
    called = made.func if isinstance(made, ast.Call) else made
    return ast.unparse(called).rpartition(".")[2] in {"cache", "lru_cache"}


def test_every_kept_answer_is_forgotten_or_holds_nobody() -> None:
    assert kept() == FORGOTTEN.keys() | HOLD_NOBODY.keys()
    assert not FORGOTTEN.keys() & HOLD_NOBODY.keys()
    assert process_caches._caches.keys() == set(FORGOTTEN.values()) | OTHERS
