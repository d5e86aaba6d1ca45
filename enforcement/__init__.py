"""Decides: DefenseClaw instances, findings, hold, block, allow, dismiss."""
