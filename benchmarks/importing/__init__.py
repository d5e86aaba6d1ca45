"""How fast a gateway's history is taken in."""
