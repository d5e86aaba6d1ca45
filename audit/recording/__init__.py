"""Writes events and reads them back: who acted, on what, and how it reads in a sentence."""
