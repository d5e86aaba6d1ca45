"""Audit files, format `ata.audit-file.v1`: the ZIP of one audit, and how it is checked offline."""
