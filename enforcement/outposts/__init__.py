"""Outposts, the portal's side: enrol one with a code, prove its requests, take in its reports.

An outpost runs next to one DefenseClaw gateway, dials out and signs with its device key (Ed25519).
What it signs is asserted by the host it runs on (docs/outpost.md, DESIGN 1.8).
"""
