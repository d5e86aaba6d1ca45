"""The command line: talks HTTP to the portal, verifies evidence without it."""

from __future__ import annotations

from typing import Final

__version__: Final = "0.1.0"
