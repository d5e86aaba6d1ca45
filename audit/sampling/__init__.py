"""Samples that are drawn here: asked for on record, drawn by the first tree that holds the ask.

Nobody knows that tree's root when they ask, so nobody can ask until a sample pleases without every
ask being on record. The rule is `audit.ledger.offline.samples`'s, and so is drawing again without
us. Docs: ADR 31.
"""
