"""The command line: talks HTTP to the portal, verifies evidence without it."""

from __future__ import annotations
