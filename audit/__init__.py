"""The room that remembers: record, sequence, prove, search, export, verify."""
