"""Stand-ins for the things around the portal, each labelled DEMO: gateway, agent, MCP server.

They are separate small processes on the standard library alone. They share no code with the
portal, so that a mistake in one side cannot hide the same mistake in the other.
"""
