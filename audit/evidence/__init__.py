"""The evidence store, who may read from it, and the evidence level of each event."""
