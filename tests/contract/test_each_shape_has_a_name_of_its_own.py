"""The OpenAPI document knows shapes by their names alone: of two, one would stand for both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ninja import Schema
from pydantic import BaseModel

from portal.v1.routers import api


def shapes(kind: type[BaseModel] = Schema) -> Iterator[type[BaseModel]]:
    """Every shape of ours that an operation may name."""
    for one in kind.__subclasses__():
        if not one.__module__.startswith("ninja."):
            yield one
        yield from shapes(one)


def test_no_two_shapes_share_a_name() -> None:
    assert api.get_openapi_schema()["paths"]
    found = {f"{one.__module__}.{one.__name__}" for one in shapes()}
    assert len(found) > 50
    named = Counter(name.rpartition(".")[2] for name in found)
    assert {name for name, times in named.items() if times > 1} == set()
