"""Callers with real tokens of a real local tenant."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.cache import cache

from tests.audit.calling import Caller, caller
from tests.audit.conftest import _collected, var_dir
from tests.support.tenant import LocalTenant

__all__ = ["_collected", "var_dir"]

type Callers = Callable[[str], Caller]


@pytest.fixture(autouse=True)
def _forgetful() -> None:
    cache.clear()


@pytest.fixture
def of(portal_tenant: LocalTenant) -> Callers:
    return lambda who: caller(portal_tenant, who)
