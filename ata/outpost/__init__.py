"""The outpost: reads what one DefenseClaw gateway recorded, and reports it to the portal.

It changes nothing at the gateway and carries nothing out. docs/outpost.md has the wire format.
"""
