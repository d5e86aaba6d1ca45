"""A pytest plugin that lets tests import names which the product does not have yet.

`scripts.findings` runs tests of a fix over the product before it. A name that the fix added is
imported as a placeholder there: an exception that nothing raises, and that nobody can use without
a warning. What fails then is what the product does.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Never

USED = "the test uses what the fix added"
_PRODUCT = {each.parent.name for each in Path(__file__).parent.glob("*/__init__.py")}
_real = builtins.__import__


class _Added(type):
    def __getattr__(cls, name: str) -> Never:
        if name.startswith("__"):
            raise AttributeError(name)
        raise TypeError(f"{USED}: {cls.__name__}.{name}")

    def __call__(cls, *_: object, **__: object) -> Never:
        raise TypeError(f"{USED}: {cls.__name__}()")


def _placeholder(name: str) -> _Added:
    return _Added(name, (Exception,), {})


def _import(
    name: str,
    globals: Mapping[str, Any] | None = None,
    locals: Mapping[str, Any] | None = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    of_test = str((globals or {}).get("__name__", "")).startswith("tests")
    if level or not of_test or name.partition(".")[0] not in _PRODUCT:
        return _real(name, globals, locals, fromlist or (), level)
    try:
        module = _real(name, globals, locals, fromlist or (), level)
    except ModuleNotFoundError as error:
        if not name.startswith(str(error.name)):
            raise
        module = ModuleType(name)
        sys.modules[name] = module
    for each in fromlist or ():
        if each != "*" and not hasattr(module, each):
            setattr(module, each, _placeholder(each))
    return module


def pytest_configure() -> None:
    """Replace what `import` does from here on."""
    builtins.__import__ = _import
