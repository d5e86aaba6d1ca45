"""Saved views of the trail: filters with a name, for their maker or for everybody who reads it."""
