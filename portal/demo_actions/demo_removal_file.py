"""The file in VAR_DIR that asks `make up` to remove the demo: its name, and what it has to name."""

from __future__ import annotations

from typing import Final

FILE: Final = "remove-demo"
PREFIX: Final = "demo-removed-"
"""How the folder begins that the demo is moved to."""
