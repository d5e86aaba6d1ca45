"""Ends of people's access by role: the decision that sets them, and its sentences."""
