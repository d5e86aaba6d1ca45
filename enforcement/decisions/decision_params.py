"""The parameters of the decisions about components."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class Params(BaseModel):
    """`finding_id`: the finding that this is about."""

    model_config = {"extra": "forbid"}

    finding_id: str | None = Field(None, min_length=1, max_length=100)


class TerminalParams(Params):
    """`terminal`: the person carries it out at the terminal of the gateway that the target names,
    with `ata dc`, and the portal sends that gateway nothing."""

    terminal: Literal[True] | None = None
