"""REST routes of the stand-in gateway."""
