"""Run MCP servers with credentials that the agent never sees."""

from __future__ import annotations
