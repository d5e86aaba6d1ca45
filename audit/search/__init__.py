"""Searches the audit trail: pages, counts, facets and the index behind them."""
