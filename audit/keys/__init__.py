"""The keys of the log: its identity, their history, rotation, and recovery after a restore."""
