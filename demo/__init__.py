"""Pretends to be the world: gateway, agent, MCP server, each labelled DEMO.

They are separate small processes on the standard library alone. They share no code with the
portal, so that a mistake in one side cannot hide the same mistake in the other.
"""
