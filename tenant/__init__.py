"""A local Auth0-compatible tenant: its own process, port, database and cookie names.

It imports nothing of the portal and the portal imports nothing of it: they meet on the wire, so
neither can hide the other's mistakes.
"""
