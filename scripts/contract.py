"""Write docs/contract.md: the names that programs outside rely on, as they are built.

`python -m scripts.contract` writes the file from the code; a test holds that it is what the code
says. What is not built has no code, so it is not in it.
"""

from __future__ import annotations

import inspect
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import django

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs/contract.md"
HEAD: Final = """# Contract

Names that programs outside rely on. Written by `python -m scripts.contract` from the code, so what
is not listed is not built. How to use them: [deploying](deploy.md), [API](api.md),
[command line](cli.md), [auditors](auditors.md)."""
PURE: Final = {
    "audit.ledger.merkle": (
        "leaf_hash", "root", "inclusion_proof", "verify_inclusion", "consistency_proof",
        "verify_consistency",
    ),
    "audit.ledger.note": ("sign", "verify", "parse"),
}  # fmt: skip
"""Functions of one module each that need no Django."""


def make_targets() -> Iterator[tuple[str, str]]:
    """Each target of the Makefile with what it does."""
    text = (ROOT / "Makefile").read_text()
    yield from re.findall(r"^([a-z-]+):.*?## (.+)$", text, re.MULTILINE)


def management_commands() -> Iterator[tuple[str, str]]:
    """Each `manage.py` command of this product with its help."""
    from django.core.management import get_commands, load_command_class

    for name, package in sorted(get_commands().items()):
        if isinstance(package, str) and (ROOT / package.partition(".")[0]).is_dir():
            yield name, str(load_command_class(package, name).help)


def settings() -> Iterator[tuple[str, str, bool]]:
    """Each environment variable: name, default, whether `NAME_FILE` is read too."""
    from portal.env import ADDRESSES, BASE_DIR, SECRETS, Env

    for name, field in Env.model_fields.items():
        default = field.default
        shown = default.relative_to(BASE_DIR) if isinstance(default, Path) else default
        yield name, "" if shown is None else str(shown), name in {*SECRETS, *ADDRESSES}


def routes() -> set[str]:
    """Each address of the URLconf, with its parameters by name."""
    from django.urls import get_resolver

    return {re.sub(r"<(?:\w+:)?(\w+)>", r"<\1>", one) for one in _patterns(get_resolver(), "/")}


def _patterns(resolver: Any, prefix: str) -> Iterator[str]:
    for one in resolver.url_patterns:
        path = f"{prefix}{one.pattern}"
        if hasattr(one, "url_patterns"):
            yield from _patterns(one, path)
        else:
            yield path


def operations() -> Iterator[tuple[str, str, str, list[str]]]:
    """Each call in the OpenAPI document: method, path, summary, statuses below 400."""
    from portal.v1.routers import api

    for path, methods in api.get_openapi_schema()["paths"].items():
        for method, operation in methods.items():
            good = [str(code) for code in operation["responses"] if str(code) < "400"]
            yield method.upper(), path, operation["summary"], good


def ata_commands() -> Iterator[tuple[str, list[str]]]:
    """Each command of `ata` with its subcommands."""
    from ata.cli import COMMANDS, load

    for name in COMMANDS:
        yield name, sorted(getattr(load(name), "commands", {}))


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head), ["---"] * len(list(head)), *map(list, rows)]
    return "\n".join(
        f"| {' | '.join(one.replace('|', chr(92) + '|') for one in line)} |" for line in lines
    )


def _families(names: Iterable[str]) -> str:
    """`agent.freeze` and `agent.unfreeze` as one line of their family."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        family, _, act = name.partition(".")
        found[family].append(act)
    return "\n".join(f"- `{family}.` " + " · ".join(f"`{act}`" for act in acts)
                     for family, acts in found.items())  # fmt: skip


def _commands() -> str:
    makes = [(f"`make {name}`", words) for name, words in make_targets()]
    manage = [(f"`manage.py {name}`", words) for name, words in management_commands()]
    return _table(("command", "does"), [*makes, *manage])


def _environment() -> str:
    rows = [
        (f"`{name}`", f"`{default}`" if default else "", "yes" if secret else "")
        for name, default, secret in settings()
    ]
    return "What each does: [deploying](deploy.md#environment).\n\n" + _table(
        ("name", "default", "secret: also as `NAME_FILE`"), rows
    )


def _routes() -> str:
    known, found = routes(), defaultdict[str, list[str]](list)
    for path in sorted(one for one in known if not one.startswith("/v1/")):
        top, _, rest = path[1:].partition("/")
        found[f"/{top}/" if rest or path == f"/{top}/" else path].append(rest)
    return "\n".join(
        f"- `{top if top in known else top + '…'}`"
        + "".join(f" · `{rest}`" for rest in rests if rest)
        for top, rests in found.items()
    )


def _filters() -> str:
    from audit.ledger.query.filter_keys import KEYS

    rows = [(f"`{key.name}`", " ".join(f"`{one}`" for one in key.choices)) for key in KEYS.values()]
    return (
        "In an address `key=value`, repeated for OR, `-key=value` to exclude; in the query bar\n"
        "`key:value`, `-key:value`, quotes for spaces, bare words are `q`.\n\n"
        + _table(("key", "values"), rows)
    )


def _api() -> str:
    rows = [
        (f"`{method} {path}`", summary, " ".join(good))
        for method, path, summary, good in operations()
    ]
    called = {re.sub(r"\{(\w+)\}", r"<\1>", path) for _, path, _, _ in operations()}
    more = [path for path in sorted(routes()) if path.startswith("/v1/") and path not in called]
    listed = " · ".join(f"`{path}`" for path in more)
    return f"{_table(('call', 'does', 'answers'), rows)}\n\nNot in the OpenAPI document: {listed}."


def _ata() -> str:
    from ata.errors import ExitCode

    lines = [
        f"- `ata {name}`" + "".join(f" · `{sub}`" for sub in subs) for name, subs in ata_commands()
    ]
    codes = ", ".join(f"{code.value} {code.name.lower()}" for code in ExitCode)
    return "\n".join([*lines, "", f"Exit codes: {codes}."])


def _verbs() -> str:
    from approvals import registry
    from audit.recording import action_registry

    return (
        f"Decisions:\n\n{_families(registry.names())}\n\nEvents, and `defenseclaw.<action>` and "
        f"`external.<action>`:\n\n{_families(action_registry.names())}"
    )


def _pure() -> str:
    said = []
    for name, functions in PURE.items():
        module: ModuleType = import_module(name)
        said += [f"{name}.{one}{inspect.signature(getattr(module, one))}" for one in functions]
    plain = "\n".join(one.replace("'", "") for one in said)
    return (
        "Without Django. `ProofError` and `NoteError` are ValueErrors of these modules.\n\n"
        f"```\n{plain}\n```"
    )


PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "Commands": _commands,
    "Environment": _environment,
    "Addresses": _routes,
    "Filter": _filters,
    "API": _api,
    "Command line": _ata,
    "Names": _verbs,
    "Functions": _pure,
}


def page() -> str:
    """The whole document; needs Django to be set up."""
    parts = [f"## {title}\n\n{part()}" for title, part in PARTS.items()]
    return "\n\n".join([HEAD, *parts]) + "\n"


def main() -> None:
    """Write the file."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
