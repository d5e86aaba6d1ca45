"""Deciding: how soon, how many, and whether anything gets past."""
