"""Measurements at volume. Nothing of the product imports this; `benchmarks/README.md` says how."""
