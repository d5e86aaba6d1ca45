"""One module for each thing an operator does."""

from __future__ import annotations
