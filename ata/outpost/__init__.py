"""The outpost: reads what one DefenseClaw gateway recorded, reports it to the portal, and carries
out the portal's signed commands there (`commands`). docs/outpost.md has the wire format.
"""
