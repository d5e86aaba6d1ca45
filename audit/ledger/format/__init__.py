"""The bytes of an entry: canonical JSON, fields, commitments, and how values are shown."""
