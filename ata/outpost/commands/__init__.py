"""Decisions of the portal that an outpost carries out at its gateway."""
