"""Pretends to be Auth0: a local tenant with its own process, port, database and cookie names.

It imports nothing of the portal and the portal imports nothing of it: they meet on the wire, so
neither can hide the other's mistakes.
"""
