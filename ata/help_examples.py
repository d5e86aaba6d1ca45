"""One example for each command, as its `--help` shows it; a test runs every one."""

from __future__ import annotations

from typing import Final

EXAMPLES: Final[dict[str, str]] = {}
