"""Outposts under load: outpost, receiver or gateway killed at seeded instants, then judged.

`make torture PART=outposts` runs it. Nothing here kills the portal's database or the local tenant.
"""
